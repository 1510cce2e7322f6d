//! The known name that a mistyped one probably meant.

use strsim::damerau_levenshtein;

/// Names beyond this many are not compared: a suggestion is not worth a noticeable share of a second.
const CANDIDATES_MAX: usize = 2_000;

/// Longer texts are not compared: the cost of one comparison grows with the product of the lengths.
const BYTES_MAX: usize = 64;

/// The name among `known` that is closest to `text`, unless all of them are far from it.
pub fn nearest<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if text.len() > BYTES_MAX {
        return None;
    }
    // A third of the letters may differ: enough for a typing error, too few for another word.
    let allowed = (text.chars().count() / 3).max(1);
    let folded = text.to_lowercase();
    known
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|name| name.len().abs_diff(text.len()) <= 4 * allowed && name.len() <= BYTES_MAX)
        .map(|name| (damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean ...?`, or nothing where no name is near.
pub fn suggestion<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(text, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised_and_other_words_are_not() {
        let known = ["parameters", "prompt", "priority", "Train Model", "naïve"];
        for (text, expected) in [
            ("paramters", Some("parameters")),
            ("promt", Some("prompt")),
            ("train model", Some("Train Model")),
            ("naive", Some("naïve")),
            ("weather", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), expected, "{text}");
        }
        assert_eq!(nearest(&"x".repeat(1_000), known), None);
        assert_eq!(suggestion("promt", known), "; did you mean `prompt`?");
    }
}
