//! What the program says while it runs, and in which form.

use std::str::FromStr;

use tracing_subscriber::filter::Targets;

use super::file::ConfigError;

const LEVELS: &str = "info";

/// Of each line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Levels by module, as `tracing` has them: they were checked.
    pub levels: String,
    pub format: LogFormat,
}

impl LogConfig {
    /// # Errors
    /// Which of the two is wrong, and what it may be.
    pub fn resolve(levels: Option<&str>, format: Option<&str>) -> Result<Self, ConfigError> {
        let levels = levels.filter(|levels| !levels.is_empty()).unwrap_or(LEVELS);
        let format = format.map_or(Ok(LogFormat::default()), LogFormat::from_str)?;
        match levels.parse::<Targets>() {
            Ok(_) => Ok(Self { levels: levels.to_owned(), format }),
            Err(_) => Err(ConfigError::setting(
                "log",
                levels,
                "is no list of levels: write one of error, warn, info, debug, trace and off, or several with \
                 modules, as in info,gleitzeit::engine=debug",
            )),
        }
    }
}

impl FromStr for LogFormat {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(ConfigError::setting("log_format", text, "is no form of the log: use text or json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(levels: Option<&str>, format: Option<&str>, expected: Result<(&str, LogFormat), &str>) {
        let resolved = LogConfig::resolve(levels, format).map_err(|error| error.to_string());
        match (resolved, expected) {
            (Ok(log), Ok((levels, format))) => {
                assert_eq!((log.levels.as_str(), log.format), (levels, format));
            }
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (resolved, expected) => panic!("{resolved:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn levels_and_forms_are_checked_before_the_start() {
        check(None, None, Ok(("info", LogFormat::Text)));
        check(Some(""), Some("json"), Ok(("info", LogFormat::Json)));
        check(
            Some("warn,gleitzeit::engine=debug"),
            None,
            Ok(("warn,gleitzeit::engine=debug", LogFormat::Text)),
        );
        check(Some("gleitzeit=loud"), None, Err("log = \"gleitzeit=loud\" is no list of levels"));
        check(None, Some("xml"), Err("use text or json"));
    }
}
