//! Functions of text. Words are those of the Unicode standard (UAX 29), so that `can't` is one word and
//! languages other than English count too; the plain word count is what stands between white space.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::signature::{DefaultValue, Kind, Parameter};
use super::statistics::float;
use super::{Bound, CallContext, Example, Function, Outcome, Run};

/// As large as a result may be: what one task returned, another can read.
pub(super) const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;
/// Longer lists of words are no summary.
const MAX_TOP_WORDS: i64 = 1_000;
/// Shorter words are hardly ever what a text is about.
const LEAST_WORD_CHARS: usize = 3;
/// How many of the most frequent letters `text_stats` names.
const TOP_CHARS: usize = 5;

/// English words too common to say what a text is about, in order.
pub(super) const STOP_WORDS: &[&str] = &[
    "about", "above", "after", "again", "against", "all", "also", "and", "any", "are", "because", "been",
    "before", "being", "below", "between", "both", "but", "can", "could", "did", "does", "doing", "down",
    "during", "each", "few", "for", "from", "further", "had", "has", "have", "having", "her", "here", "hers",
    "him", "his", "how", "into", "its", "itself", "just", "may", "might", "more", "most", "must", "nor",
    "not", "now", "off", "once", "only", "other", "our", "ours", "out", "over", "own", "same", "shall",
    "she", "should", "some", "such", "than", "that", "the", "their", "theirs", "them", "then", "there",
    "these", "they", "this", "those", "through", "too", "under", "until", "upon", "very", "was", "were",
    "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your",
    "yours",
];

const TEXT: Kind = Kind::Text { max_bytes: MAX_TEXT_BYTES };
const TOP: Kind = Kind::Integer { min: 1, max: MAX_TOP_WORDS };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "count_words",
        summary: "How many words the text has, divided by white space.",
        signature: &[Parameter::required("text", TEXT)],
        example: Example { args: r#"["the quick brown fox"]"#, result: "4" },
        run: Run::Light(count_words),
    },
    Function {
        name: "extract_keywords",
        summary: "The words that occur most often, in lower case, without common English words and those of \
                  one or two letters.",
        signature: &[
            Parameter::required("text", TEXT),
            Parameter::optional("max_keywords", TOP, DefaultValue::Integer(10)),
        ],
        example: Example {
            args: r#"["Rust is fast. Rust is safe, and the fast way is the Rust way.", 2]"#,
            result: r#"["rust", "fast"]"#,
        },
        run: Run::Heavy(extract_keywords),
    },
    Function {
        name: "text_similarity",
        summary: "How alike two texts are, by their sets of words and of characters: {jaccard_similarity, \
                  character_similarity, common_words, total_unique_words, text1_unique, text2_unique}.",
        signature: &[Parameter::required("text1", TEXT), Parameter::required("text2", TEXT)],
        example: Example {
            args: r#"["red green blue", "red green"]"#,
            result: r#"{"jaccard_similarity": 0.6666666666666666, "character_similarity": 0.625,
                        "common_words": 2, "total_unique_words": 3, "text1_unique": 1, "text2_unique": 0}"#,
        },
        run: Run::Heavy(text_similarity),
    },
    Function {
        name: "text_stats",
        summary: "Describes a text: {character_count, character_count_no_spaces, word_count, sentence_count, \
                  paragraph_count, average_word_length, average_sentence_length (in words), longest_word, \
                  shortest_word, unique_words, most_common_chars: [[letter, count]], readability_score (the \
                  automated readability index: about the school year that reads it with ease)}.",
        signature: &[Parameter::required("text", TEXT)],
        example: Example {
            args: r#"["The cat sat. The cat ran far away."]"#,
            result: r#"{"character_count": 34, "character_count_no_spaces": 27, "word_count": 8,
                        "sentence_count": 2, "paragraph_count": 1, "average_word_length": 3.125,
                        "average_sentence_length": 4.0, "longest_word": "away", "shortest_word": "The",
                        "unique_words": 6, "readability_score": -4.71125,
                        "most_common_chars": [["a", 7], ["t", 5], ["c", 2], ["e", 2], ["h", 2]]}"#,
        },
        run: Run::Heavy(text_stats),
    },
    Function {
        name: "word_frequency",
        summary: "Counts words in lower case: {total_words, unique_words, filtered_words (without common \
                  English words and those of one or two letters), top_words: [[word, count]] of the filtered \
                  ones, vocabulary_richness (unique by total)}.",
        signature: &[
            Parameter::required("text", TEXT),
            Parameter::optional("top_n", TOP, DefaultValue::Integer(10)),
        ],
        example: Example {
            args: r#"["The log is the truth; the log is the state.", 2]"#,
            result: r#"{"total_words": 10, "unique_words": 5, "filtered_words": 4,
                        "top_words": [["log", 2], ["truth", 1]], "vocabulary_richness": 0.5}"#,
        },
        run: Run::Heavy(word_frequency),
    },
];

fn count_words(mut bound: Bound, _: CallContext) -> Outcome {
    Ok(json!(bound.text("text").split_whitespace().count()))
}

fn is_telling(word: &str) -> bool {
    word.chars().count() >= LEAST_WORD_CHARS && STOP_WORDS.binary_search(&word).is_err()
}

/// Words with their counts, the most frequent first, equal ones in the order of their first occurrence.
fn ranked<'a>(words: impl Iterator<Item = &'a str>, top: usize) -> Vec<(&'a str, usize)> {
    let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (position, word) in words.enumerate() {
        seen.entry(word).or_insert((0, position)).0 += 1;
    }
    let mut ranked: Vec<(&str, (usize, usize))> = seen.into_iter().collect();
    ranked.sort_unstable_by_key(|(_, (count, position))| (std::cmp::Reverse(*count), *position));
    ranked.into_iter().take(top).map(|(word, (count, _))| (word, count)).collect()
}

fn extract_keywords(mut bound: Bound, _: CallContext) -> Outcome {
    let text = bound.text("text").to_lowercase();
    let top = bound.count("max_keywords");
    let keywords = ranked(text.unicode_words().filter(|word| is_telling(word)), top);
    Ok(keywords.into_iter().map(|(word, _)| json!(word)).collect())
}

fn word_frequency(mut bound: Bound, _: CallContext) -> Outcome {
    let text = bound.text("text").to_lowercase();
    let top = bound.count("top_n");
    let words: Vec<&str> = text.unicode_words().collect();
    let unique = words.iter().collect::<BTreeSet<_>>().len();
    let filtered: Vec<&str> = words.iter().copied().filter(|word| is_telling(word)).collect();
    Ok(json!({
        "total_words": words.len(),
        "unique_words": unique,
        "filtered_words": filtered.len(),
        "top_words": ranked(filtered.into_iter(), top),
        "vocabulary_richness": share(unique, words.len()),
    }))
}

/// Zero of nothing is zero, so that an empty text has statistics too.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

fn text_similarity(mut bound: Bound, _: CallContext) -> Outcome {
    let (first, second) = (bound.text("text1").to_lowercase(), bound.text("text2").to_lowercase());
    let words = |text: &'_ str| text.unicode_words().map(str::to_owned).collect::<BTreeSet<_>>();
    let chars = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<BTreeSet<_>>();
    let (first_words, second_words) = (words(&first), words(&second));
    let (first_chars, second_chars) = (chars(&first), chars(&second));
    let common = first_words.intersection(&second_words).count();
    let total = first_words.union(&second_words).count();
    let common_chars = first_chars.intersection(&second_chars).count();
    Ok(json!({
        "jaccard_similarity": share(common, total),
        "character_similarity": share(common_chars, first_chars.union(&second_chars).count()),
        "common_words": common,
        "total_unique_words": total,
        "text1_unique": first_words.len() - common,
        "text2_unique": second_words.len() - common,
    }))
}

fn text_stats(mut bound: Bound, _: CallContext) -> Outcome {
    let text = bound.text("text");
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    let word_chars: usize = words.iter().map(|word| word.chars().count()).sum();
    // An empty text is refused by an assertion inside the iterator over sentences.
    let sentences = if text.is_empty() { 0 } else { text.unicode_sentences().count() };
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).count();
    let length = |word: &&&str| word.chars().count();
    let unique: BTreeSet<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let mut letters: BTreeMap<char, usize> = BTreeMap::new();
    for letter in text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphabetic()) {
        *letters.entry(letter).or_default() += 1;
    }
    let mut common: Vec<(char, usize)> = letters.into_iter().collect();
    common.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    common.truncate(TOP_CHARS);
    Ok(json!({
        "character_count": text.chars().count(),
        "character_count_no_spaces": text.chars().filter(|c| !c.is_whitespace()).count(),
        "word_count": text.split_whitespace().count(),
        "sentence_count": sentences,
        "paragraph_count": paragraphs,
        "average_word_length": share(word_chars, words.len()),
        "average_sentence_length": share(words.len(), sentences),
        "longest_word": words.iter().rev().max_by_key(length).unwrap_or(&""),
        "shortest_word": words.iter().min_by_key(length).unwrap_or(&""),
        "unique_words": unique.len(),
        "most_common_chars": common,
        "readability_score": readability(word_chars, words.len(), sentences),
    }))
}

/// The automated readability index (Smith and Senter, 1967), which needs no guess at syllables.
fn readability(chars: usize, words: usize, sentences: usize) -> Value {
    if words == 0 || sentences == 0 {
        return Value::Null;
    }
    json!(4.71 * share(chars, words) + 0.5 * share(words, sentences) - 21.43)
}
