//! The ML service: trains and evaluates real models, keeps them in files, and predicts with them later,
//! also after it was killed and started again.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Report;
use super::dataset::{self, Record, Schema};
use super::fault::Fault;
use super::model::{Classifier, Search};

/// Models kept in memory; the files of all others stay.
const MAX_LOADED: usize = 16;
/// How many wrong predictions an evaluation lists.
const MAX_LISTED_MISTAKES: usize = 20;
const ID_PREFIX: &str = "logreg-";
/// Hexadecimal digits of an id: 48 bits tell the few models of a demo apart.
const ID_DIGITS: usize = 12;

/// What a task asks for, in the form the workflow builders give it.
#[derive(Debug, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
enum Request {
    Train {
        #[serde(default)]
        model_params: Search,
        data_params: TrainingData,
    },
    Predict {
        model_params: ModelName,
        data_params: PredictionData,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainingData {
    records: Vec<Record>,
    target: String,
    #[serde(default = "default_test_fraction")]
    test_fraction: f64,
    #[serde(default)]
    seed: u64,
}

fn default_test_fraction() -> f64 {
    0.3
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelName {
    model_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredictionData {
    records: Vec<Record>,
}

#[derive(Debug)]
pub struct MlService {
    directory: PathBuf,
    /// The models used last, the newest at the end.
    loaded: Mutex<VecDeque<(String, Arc<Classifier>)>>,
}

impl MlService {
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, loaded: Mutex::new(VecDeque::new()) })
    }

    /// Does one task; takes as long as the training takes.
    pub fn handle(&self, parameters: Value, report: Report) -> Result<Value, Fault> {
        let request = serde_json::from_value(parameters).map_err(|error| {
            Fault::refuse(format!("the ML service cannot read the task's external_parameters: {error}"))
        })?;
        match request {
            Request::Train { model_params, data_params } => self.train(&model_params, data_params, report),
            Request::Predict { model_params, data_params } => {
                self.predict(&model_params.model_id, &data_params.records, report)
            }
        }
    }

    fn train(&self, search: &Search, data: TrainingData, report: Report) -> Result<Value, Fault> {
        let schema = Schema::of(&data.records, data.target.clone())?;
        schema.matrix(&data.records)?;
        // The id is made of all that decides the model: a task that runs twice makes one model, not two.
        let recipe = serde_json::to_vec(&(search, &data)).map_err(Fault::refuse)?;
        let digest =
            Sha256::digest(&recipe).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let model_id: String = ID_PREFIX.chars().chain(digest.chars().take(ID_DIGITS)).collect();

        let (training, held_out) = dataset::split(data.records, data.test_fraction, data.seed)?;
        report(10, &format!("{} rows to learn from, {} held out", training.len(), held_out.len()))?;
        let (classifier, choice) = Classifier::train(&training, schema, search, data.seed, report)?;
        self.save(&model_id, &classifier)?;
        report(85, &format!("model {model_id} is stored"))?;

        // Judged is what was stored, as every later prediction will read it.
        let classifier = self.load(&model_id)?;
        let evaluation = evaluate(&classifier, &held_out)?;
        report(95, &format!("accuracy {:.4} on {} held-out rows", evaluation.accuracy, held_out.len()))?;
        Ok(json!({
            "model_id": model_id,
            "algorithm": "logistic regression (L2, L-BFGS)",
            "accuracy": evaluation.accuracy,
            "confusion_matrix": evaluation.confusion,
            "classes": classifier.schema.classes,
            "feature_names": classifier.schema.features,
            "n_train": training.len(),
            "n_test": held_out.len(),
            "choice": choice,
            "test_records": held_out,
        }))
    }

    fn predict(&self, model_id: &str, records: &[Record], report: Report) -> Result<Value, Fault> {
        dataset::check_size(records)?;
        let classifier = self.load(model_id)?;
        report(30, &format!("model {model_id} is loaded"))?;
        let predictions = classifier.predict(records)?;
        report(80, &format!("{} rows are classified", predictions.len()))?;
        let mut counts: BTreeMap<&str, usize> =
            classifier.schema.classes.iter().map(|class| (class.as_str(), 0)).collect();
        for prediction in &predictions {
            *counts.entry(prediction.class).or_default() += 1;
        }
        let rows: Vec<Record> = records
            .iter()
            .zip(&predictions)
            .map(|(record, prediction)| {
                let mut row = record.clone();
                row.insert("predicted".to_owned(), json!(prediction.class));
                row.insert("confidence".to_owned(), json!(prediction.confidence));
                row
            })
            .collect();
        let mut answer = json!({
            "model_id": model_id,
            "n": predictions.len(),
            "rows": rows,
            "predictions": predictions.iter().map(|prediction| prediction.class).collect::<Vec<_>>(),
            "confidences": predictions.iter().map(|prediction| prediction.confidence).collect::<Vec<_>>(),
            "counts": counts,
        });
        let judged = records.iter().all(|record| record.contains_key(&classifier.schema.target));
        if let (true, Some(answer)) = (judged, answer.as_object_mut()) {
            let evaluation = evaluate(&classifier, records)?;
            answer.insert("accuracy".to_owned(), json!(evaluation.accuracy));
            answer.insert("mistakes".to_owned(), json!(evaluation.mistakes));
        }
        Ok(answer)
    }

    fn path(&self, model_id: &str) -> Result<PathBuf, Fault> {
        let digits = model_id.strip_prefix(ID_PREFIX).unwrap_or_default();
        // Checked, because the id comes from outside and becomes part of a path.
        if digits.len() == ID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(self.directory.join(format!("{model_id}.json")))
        } else {
            Err(Fault::refuse(format!(
                "{model_id:?} is no model id; use the `model_id` of a finished train operation"
            )))
        }
    }

    /// Written beside, synced and renamed, so that a kill leaves the whole file or none.
    fn save(&self, model_id: &str, classifier: &Classifier) -> Result<(), Fault> {
        let path = self.path(model_id)?;
        let bytes = serde_json::to_vec(classifier).map_err(Fault::refuse)?;
        let write = || {
            let beside = path.with_extension("partial");
            let mut file = File::create(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|error| Fault::fail(format!("cannot write {}: {error}", path.display())))
    }

    fn load(&self, model_id: &str) -> Result<Arc<Classifier>, Fault> {
        let path = self.path(model_id)?;
        let mut loaded = self.loaded.lock().expect("no holder of the lock panics");
        if let Some((_, classifier)) = loaded.iter().find(|(id, _)| id == model_id) {
            return Ok(Arc::clone(classifier));
        }
        let bytes = fs::read(&path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                let directory = self.directory.display();
                Fault::refuse(format!("there is no model {model_id} in {directory}; train it first"))
            } else {
                Fault::fail(format!("cannot read {}: {error}", path.display()))
            }
        })?;
        let classifier: Classifier = serde_json::from_slice(&bytes).map_err(|error| {
            Fault::refuse(format!("{} is damaged: {error}; train it again", path.display()))
        })?;
        let classifier = Arc::new(classifier);
        if loaded.len() == MAX_LOADED {
            loaded.pop_front();
        }
        loaded.push_back((model_id.to_owned(), Arc::clone(&classifier)));
        Ok(classifier)
    }
}

struct Evaluation {
    accuracy: f64,
    /// Rows: the true class; columns: the predicted one; both in the order of the classes.
    confusion: Vec<Vec<usize>>,
    mistakes: Vec<Value>,
}

fn evaluate(classifier: &Classifier, records: &[Record]) -> Result<Evaluation, Fault> {
    let schema = &classifier.schema;
    let labels = schema.labels(records)?;
    let truth = schema.class_numbers(&labels)?;
    let predictions = classifier.predict(records)?;
    let predicted: Vec<&str> = predictions.iter().map(|prediction| prediction.class).collect();
    let predicted = schema.class_numbers(&predicted)?;
    let line = || vec![0; schema.classes.len()];
    let mut confusion: Vec<Vec<usize>> = schema.classes.iter().map(|_| line()).collect();
    let mut mistakes = Vec::new();
    for (row, (truth, guess)) in truth.iter().zip(&predicted).enumerate() {
        let cell = usize::try_from(*truth).ok().and_then(|truth| confusion.get_mut(truth));
        let cell = cell.zip(usize::try_from(*guess).ok()).and_then(|(line, guess)| line.get_mut(guess));
        *cell.expect("class numbers are positions among the classes") += 1;
        if truth != guess && mistakes.len() < MAX_LISTED_MISTAKES {
            let (actual, prediction) = labels.get(row).zip(predictions.get(row)).expect("one for each row");
            mistakes.push(json!({
                "row": row, "actual": actual, "predicted": prediction.class,
                "confidence": prediction.confidence,
            }));
        }
    }
    Ok(Evaluation { accuracy: smartcore::metrics::accuracy(&truth, &predicted), confusion, mistakes })
}
