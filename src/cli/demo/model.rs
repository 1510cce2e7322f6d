//! A classifier: logistic regression, its regularisation chosen by repeated cross-validation.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smartcore::api::SupervisedEstimator as _;
use smartcore::linalg::basic::arrays::Array as _;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};
use smartcore::metrics::accuracy;
use smartcore::model_selection::{KFold, cross_validate};

use super::Report;
use super::dataset::{self, Matrix, Record, Schema};
use super::fault::Fault;

type Regression = LogisticRegression<f64, u32, Matrix, Vec<u32>>;

/// Fits of one search: the product of strengths, folds and repeats. At 105 rows one takes milliseconds.
const MAX_FITS: usize = 10_000;

/// How to learn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// Strengths of the L2 regularisation to choose from.
    alphas: Vec<f64>,
    folds: usize,
    /// Each repeat divides the rows into folds in another way, which steadies the estimate.
    repeats: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { alphas: vec![0.01, 0.1, 1.0, 10.0], folds: 5, repeats: 10 }
    }
}

/// A model that has learned, as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct Classifier {
    pub schema: Schema,
    regression: Regression,
}

/// What the model says of one row.
#[derive(Debug)]
pub struct Prediction<'a> {
    pub class: &'a str,
    /// The probability of that class.
    pub confidence: f64,
}

impl Search {
    fn check(&self, rows: usize) -> Result<(), Fault> {
        let fits = self.alphas.len().saturating_mul(self.folds).saturating_mul(self.repeats);
        if self.alphas.is_empty() || self.alphas.iter().any(|alpha| !alpha.is_finite() || *alpha < 0.0) {
            return Err(Fault::refuse("`model_params.alphas` must be a list of numbers from 0"));
        }
        if !(2..=rows).contains(&self.folds) || self.repeats == 0 || fits > MAX_FITS {
            return Err(Fault::refuse(format!(
                "`model_params` must have 2 to {rows} folds and 1 repeat or more, and strengths times folds \
                 times repeats must not exceed {MAX_FITS}; there are {} strengths, {} folds and {} repeats",
                self.alphas.len(),
                self.folds,
                self.repeats
            )));
        }
        Ok(())
    }

    /// The mean accuracy on rows left out, for each strength in order. `report` hears of each.
    fn score(&self, x: &Matrix, y: &Vec<u32>, seed: u64, report: Report) -> Result<Vec<f64>, Fault> {
        let mut scores = Vec::with_capacity(self.alphas.len());
        for alpha in &self.alphas {
            let mut sum = 0.0;
            for repeat in (seed..).take(self.repeats) {
                let folds =
                    KFold::default().with_n_splits(self.folds).with_shuffle(true).with_seed(Some(repeat));
                let parameters = LogisticRegressionParameters::default().with_alpha(*alpha);
                let result = cross_validate(Regression::new(), x, y, parameters, &folds, &accuracy)
                    .map_err(Fault::refuse)?;
                sum += result.mean_test_score();
            }
            let mean = sum / dataset::float(self.repeats);
            scores.push(mean);
            let done = scores.len() * 70 / self.alphas.len();
            report(
                10 + u8::try_from(done).expect("at most 70"),
                &format!(
                    "strength {alpha}: accuracy {mean:.4} in {} fits of cross-validation",
                    self.folds * self.repeats
                ),
            )?;
        }
        Ok(scores)
    }
}

impl Classifier {
    /// Learns from the records; the second value tells how the regularisation was chosen.
    pub fn train(
        records: &[Record],
        schema: Schema,
        search: &Search,
        seed: u64,
        report: Report,
    ) -> Result<(Self, Value), Fault> {
        let x = schema.matrix(records)?;
        let y = schema.class_numbers(&schema.labels(records)?)?;
        search.check(records.len())?;
        let scores = search.score(&x, &y, seed, report)?;
        let (alpha, _) = search
            .alphas
            .iter()
            .zip(&scores)
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .expect("at least one strength, checked above");
        let parameters = LogisticRegressionParameters::default().with_alpha(*alpha);
        let regression = Regression::fit(&x, &y, parameters).map_err(Fault::refuse)?;
        let table: Vec<Value> = search
            .alphas
            .iter()
            .zip(&scores)
            .map(|(alpha, score)| json!({ "alpha": alpha, "mean_accuracy": score }))
            .collect();
        Ok((Self { schema, regression }, json!({ "alpha": alpha, "cross_validation": table })))
    }

    /// The most probable class of each record, with its probability by the softmax over the scores of all.
    pub fn predict(&self, records: &[Record]) -> Result<Vec<Prediction<'_>>, Fault> {
        let x = self.schema.matrix(records)?;
        let numbers = self.regression.predict(&x).map_err(Fault::refuse)?;
        numbers
            .iter()
            .enumerate()
            .map(|(row, number)| {
                let index = usize::try_from(*number).expect("a class number is a small index");
                let class = self.schema.classes.get(index).ok_or_else(|| {
                    Fault::refuse("the stored model names a class that it does not have; train it again")
                })?;
                Ok(Prediction { class, confidence: self.confidence(&x, row, index) })
            })
            .collect()
    }

    fn confidence(&self, x: &Matrix, row: usize, class: usize) -> f64 {
        let (weights, offsets) = (self.regression.coefficients(), self.regression.intercept());
        let score = |line: usize| {
            let weighted: f64 = (0..self.schema.features.len())
                .map(|column| x.get((row, column)) * weights.get((line, column)))
                .sum();
            weighted + offsets.get((line, 0))
        };
        // With two classes there is one line of weights, for the second class against the first.
        let scores: Vec<f64> = match self.schema.classes.len() {
            2 => vec![0.0, score(0)],
            classes => (0..classes).map(score).collect(),
        };
        let own = <[f64]>::get(&scores, class).expect("a score for each class");
        1.0 / scores.iter().map(|other| (other - own).exp()).sum::<f64>()
    }
}
