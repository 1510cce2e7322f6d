//! Where in a YAML text a mistake stands that only the meaning of the workflow shows.
//!
//! A refused text is read again, as far as the words that the mistake is about.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::core::rejection::Rejection;
use crate::protocol::fault;
use crate::protocol::fields::Text;

/// Words of a message that are looked for: the first ones are what it is about, others are advice.
const WORDS_MAX: usize = 2;

/// A refusal, and what is known of its place.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) rejection: Rejection,
    spot: Spot,
}

#[derive(Debug, Default)]
struct Spot {
    /// Inside this task, or outside all of them.
    task: Option<u32>,
    /// Nothing: the words that the message quotes.
    words: Option<Vec<String>>,
    own_names: OwnNames,
}

/// Whether a task's own name and id are among what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OwnNames {
    #[default]
    Looked,
    Passed,
}

impl From<Rejection> for Mistake {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, spot: Spot::default() }
    }
}

impl From<Mistake> for Rejection {
    fn from(mistake: Mistake) -> Self {
        mistake.rejection
    }
}

impl Mistake {
    /// In what the task says of itself.
    pub(super) fn in_task(rejection: Rejection, task: u32) -> Self {
        Self { rejection, spot: Spot { task: Some(task), ..Spot::default() } }
    }

    /// Where a task speaks of another one, by one of these names.
    pub(super) fn in_reference(rejection: Rejection, task: u32, words: Vec<String>) -> Self {
        let spot = Spot { task: Some(task), words: Some(words), own_names: OwnNames::Passed };
        Self { rejection, spot }
    }

    /// At one of these keys of the workflow.
    pub(super) fn at_keys(rejection: Rejection, keys: &[&str]) -> Self {
        let words = Some(keys.iter().map(ToString::to_string).collect());
        Self { rejection, spot: Spot { words, ..Spot::default() } }
    }

    /// The refusal, with the line and the column where it is found.
    pub(super) fn placed(self, text: &str, options: &dyn Fn() -> serde_saphyr::Options) -> Rejection {
        let Self { rejection, spot } = self;
        let seek = |goal: Goal<'_>| {
            let seed = Top { task: spot.task, own_names: spot.own_names, goal };
            fault::place_in_yaml(text, options(), seed)
        };
        let words = spot.words.clone().unwrap_or_else(|| quoted(&rejection.message, spot.task.is_some()));
        let by_word = words.iter().find_map(|word| seek(Goal::Word(word)));
        let Some(place) = by_word.or_else(|| seek(Goal::Start)) else { return rejection };
        Rejection { message: format!("{} ({place})", rejection.message), ..rejection }
    }
}

/// What the message quotes first, without the name of the task that it begins with.
fn quoted(message: &str, in_task: bool) -> Vec<String> {
    let about = message.split_once("`: ").filter(|(task, _)| in_task && task.starts_with("task `"));
    let about = about.map_or(message, |(_, about)| about);
    about.split('`').skip(1).step_by(2).take(WORDS_MAX).map(str::to_owned).collect()
}

/// What ends the reading.
#[derive(Debug, Clone, Copy)]
enum Goal<'w> {
    /// The first thing that is there.
    Start,
    /// A key or a text that is this word, or a template that holds it.
    Word(&'w str),
}

impl Goal<'_> {
    fn is_met_by(self, text: &str) -> bool {
        match self {
            Self::Start => true,
            Self::Word(word) => {
                let is_template = || text.contains("{{") || text.contains("${");
                text == word || is_template() && text.contains(word)
            }
        }
    }
}

fn here<E: Error>() -> E {
    E::custom("it is here")
}

/// The whole text.
struct Top<'w> {
    task: Option<u32>,
    own_names: OwnNames,
    goal: Goal<'w>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a workflow")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { task, own_names, goal } = self;
        if let (None, Goal::Start) = (task, goal) {
            return Err(here());
        }
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match (task, &*key == "tasks") {
                (Some(index), true) => map.next_value_seed(Nth { index, own_names, goal })?,
                (None, false) => map.next_value_seed(Search::under(&key, goal))?,
                (Some(_), false) | (None, true) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list of tasks.
struct Nth<'w> {
    index: u32,
    own_names: OwnNames,
    goal: Goal<'w>,
}

impl<'de> DeserializeSeed<'de> for Nth<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Nth<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tasks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tasks: A) -> Result<(), A::Error> {
        let Self { index, own_names, goal } = self;
        for _ in 0..index {
            tasks.next_element::<IgnoredAny>()?;
        }
        tasks.next_element_seed(Search { own_names, goal })?;
        while tasks.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Any value.
struct Search<'w> {
    own_names: OwnNames,
    goal: Goal<'w>,
}

impl<'w> Search<'w> {
    /// The value of a key; one that is meant itself is met at its value, so that the path names it.
    fn under(key: &str, goal: Goal<'w>) -> Self {
        let goal = if goal.is_met_by(key) { Goal::Start } else { goal };
        Self { own_names: OwnNames::Looked, goal }
    }

    fn scalar<E: Error>(&self) -> Result<(), E> {
        match self.goal {
            Goal::Start => Err(here()),
            Goal::Word(_) => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.goal.is_met_by(text) { Err(here()) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.scalar()?;
        let item = || Self { own_names: OwnNames::Looked, goal: self.goal };
        while items.next_element_seed(item())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.scalar()?;
        while let Some(key) = entries.next_key::<Text<'de>>()? {
            let is_passed = self.own_names == OwnNames::Passed && matches!(&*key, "name" | "id");
            if is_passed {
                entries.next_value::<IgnoredAny>()?;
            } else {
                entries.next_value_seed(Search::under(&key, self.goal))?;
            }
        }
        Ok(())
    }
}
