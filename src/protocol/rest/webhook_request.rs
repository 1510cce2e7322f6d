//! What people ask of webhooks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::letters::conditions_of;
use crate::core::errors::{INVALID_ARGUMENT, REQUIRED_FIELD_MISSING};
use crate::core::listing::ListFilter;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::core::subscription::{EndFilter, EndKind, ResumeFrom, Switch, TermsChange};

/// Longer ones are refused by servers.
const URL_BYTES_MAX: usize = 2_048;
const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// More conditions than a person would think of, and none of them longer than a name may be.
const CONDITIONS_MAX: usize = 16;
const CONDITION_BYTES_MAX: usize = 256;
const GROUPS: [(&str, &str); 3] = [("*", ""), ("workflow.*", "workflow."), ("task.*", "task.")];

/// A secret on its way in. It cannot be printed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(hidden)")
    }
}

/// `POST /webhooks` and `PATCH /webhooks/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    pub url: Option<String>,
    /// An empty one takes it out.
    description: Option<String>,
    /// Names of events; `workflow.*`, `task.*` and `*` stand for several.
    events: Option<Vec<String>>,
    /// Conditions on the workflow, as in its list.
    filter: Option<Map<String, Value>>,
    pub secret: Option<SecretText>,
    enabled: Option<bool>,
}

/// `POST /webhooks/{id}/resume`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// `cursor`, where it stopped, or `now`.
    from: Option<String>,
}

impl WebhookRequest {
    /// Everything but the secret, which only the server can seal.
    ///
    /// # Errors
    /// What is wrong with which member.
    pub fn change(&self) -> Result<TermsChange, Rejection> {
        if let Some(url) = &self.url {
            within("url", url, URL_BYTES_MAX)?;
        }
        if let Some(description) = &self.description {
            within("description", description, DESCRIPTION_BYTES_MAX)?;
        }
        Ok(TermsChange {
            url: self.url.as_deref().map(Arc::from),
            description: self.description.as_deref().map(Arc::from),
            events: self.events.as_deref().map(kinds).transpose()?,
            filter: self.filter.as_ref().map(filter).transpose()?,
            secret: None,
            switch: self.enabled.map(|enabled| if enabled { Switch::On } else { Switch::Off }),
        })
    }

    /// The members that a new webhook cannot do without.
    ///
    /// # Errors
    /// Which is missing.
    pub fn required(&self) -> Result<(), Rejection> {
        let missing = |what| Err(Rejection::new(REQUIRED_FIELD_MISSING, format!("a webhook needs `{what}`")));
        match (&self.url, &self.events) {
            (None, _) => missing("url"),
            (_, None) => missing("events"),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

impl ResumeRequest {
    /// # Errors
    /// When it is neither of the two.
    pub fn from(&self) -> Result<ResumeFrom, Rejection> {
        match self.from.as_deref() {
            None | Some("cursor") => Ok(ResumeFrom::Cursor),
            Some("now") => Ok(ResumeFrom::Now),
            Some(other) => Err(invalid(format!(
                "`from` is `{other}`; it may be `cursor`, which tells what happened meanwhile, or `now`"
            ))),
        }
    }
}

fn kinds(names: &[String]) -> Result<BTreeSet<EndKind>, Rejection> {
    let mut kinds = BTreeSet::new();
    for name in names {
        let group = GROUPS.iter().find(|(group, _)| group == name);
        let is_meant = |kind: &EndKind| match group {
            Some((_, prefix)) => kind.name().starts_with(prefix),
            None => kind.name() == name,
        };
        let before = kinds.len();
        kinds.extend(EndKind::ALL.into_iter().filter(is_meant));
        if kinds.len() == before && !EndKind::ALL.iter().any(is_meant) {
            let known = || EndKind::ALL.into_iter().map(EndKind::name);
            let near = suggestion(name, known());
            let known: Vec<&str> = known().chain(GROUPS.map(|(group, _)| group)).collect();
            return Err(invalid(format!("`{name}` is no event{near}; there are {}", known.join(", "))));
        }
    }
    if kinds.is_empty() {
        return Err(invalid("`events` is empty: a webhook without events would never be told anything"));
    }
    Ok(kinds)
}

fn filter(members: &Map<String, Value>) -> Result<EndFilter, Rejection> {
    let conditions = conditions_of(members)?;
    if conditions.len() > CONDITIONS_MAX {
        return Err(invalid(format!("`filter` has more than {CONDITIONS_MAX} conditions")));
    }
    let mut filter = ListFilter::default();
    for (key, value) in conditions {
        within(&key, &key, CONDITION_BYTES_MAX)?;
        within(&key, &value, CONDITION_BYTES_MAX)?;
        if !(["name", "tag"].contains(&key.as_str()) || key.starts_with("metadata.")) {
            return Err(invalid(format!(
                "`{key}` is no condition of a webhook; there are `name`, `tag` and `metadata`"
            )));
        }
        super::list_query::condition(&mut filter, &key, value)?;
    }
    Ok(EndFilter { name: filter.name, tags: filter.tags, metadata: filter.metadata })
}

fn within(what: &str, text: &str, limit: usize) -> Result<(), Rejection> {
    if text.len() <= limit {
        return Ok(());
    }
    Err(invalid(format!("`{what}` has {} bytes; the limit is {limit}", text.len())))
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &str) -> Result<TermsChange, Rejection> {
        serde_json::from_str::<WebhookRequest>(body).expect("the body has the form").change()
    }

    #[test]
    fn groups_stand_for_their_events() {
        let names = |events: &str| {
            let kinds = change(&format!("{{\"events\": {events}}}")).unwrap().events.unwrap();
            kinds.into_iter().map(EndKind::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(r#"["workflow.*"]"#), "workflow.completed workflow.failed workflow.cancelled");
        assert_eq!(names(r#"["task.failed", "task.failed"]"#), "task.failed");
        assert_eq!(names(r#"["*"]"#).split(' ').count(), EndKind::ALL.len());
        for wrong in [r#"["task.fialed"]"#, "[]", r#"["*", "nothing"]"#] {
            assert_eq!(change(&format!("{{\"events\": {wrong}}}")).unwrap_err().code, INVALID_ARGUMENT);
        }
        let message = change(r#"{"events": ["task.fialed"]}"#).unwrap_err().message;
        assert!(message.contains("did you mean `task.failed`"), "{message}");
    }

    #[test]
    fn filters_have_the_conditions_of_lists() {
        let body = r#"{"filter": {"name": "import", "tag": ["a", "b"], "metadata": {"team": "x", "n": 1}}}"#;
        let filter = change(body).unwrap().filter.unwrap();
        assert_eq!((filter.name.as_deref(), filter.tags.len()), (Some("import"), 2));
        assert_eq!(filter.metadata, [("n".into(), "1".into()), ("team".into(), "x".into())]);
        assert!(change(r#"{"filter": {}}"#).unwrap().filter.unwrap().is_empty());
        assert!(change(r#"{"filter": {"status": "failed"}}"#).is_err());
        assert!(change(&format!(r#"{{"filter": {{"tag": "{}"}}}}"#, "x".repeat(300))).is_err());
    }

    #[test]
    fn no_secret_is_printed() {
        let request: WebhookRequest = serde_json::from_str(r#"{"secret": "geheim"}"#).unwrap();
        assert!(request.secret.is_some() && !format!("{request:?}").contains("geheim"));
    }
}
