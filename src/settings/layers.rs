//! The files, from the most to the least specific.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::hidden::place_and_reason;

/// Read where the command runs.
const PROJECT_FILE: &str = "gleitzeit.toml";
const USER_FILE: &str = "gleitzeit/config.toml";
const SYSTEM_FILE: &str = "/etc/gleitzeit/config.toml";

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the configuration file {path} cannot be read: {reason}")]
    Unreadable { path: String, reason: std::io::Error },
    #[error("the configuration file {path} is wrong: {reason}")]
    Malformed { path: String, reason: String },
    #[error("others can read {path}, which holds keys; take that right from them: chmod 600 {path}")]
    Exposed { path: String },
    #[error("{path} cannot be written: {reason}")]
    Unwritable { path: String, reason: std::io::Error },
    #[error("there is no place for keys: set HOME or XDG_CONFIG_HOME")]
    Homeless,
}

impl SettingsError {
    /// The text is not repeated, because secrets stand in it.
    pub fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        Self::Malformed { path: path.display().to_string(), reason: place_and_reason(text, error) }
    }
}

/// One file.
#[derive(Debug, Clone)]
pub struct Layer {
    pub path: PathBuf,
    pub text: String,
    pub table: Table,
}

/// Who has written a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Whoever has made the project, who may be anybody.
    Project,
    /// The user, or who looks after the machine.
    User,
}

impl Layer {
    /// The file of a project stays that when somebody names it.
    pub fn owner(&self) -> Owner {
        if self.path == Path::new(PROJECT_FILE) { Owner::Project } else { Owner::User }
    }
}

/// All files that exist, the one that wins first.
#[derive(Debug, Clone, Default)]
pub struct Layers(Vec<Layer>);

/// Where files are looked for.
#[derive(Debug)]
struct Places {
    /// A file that somebody named must exist; it takes the place of the project's.
    named: Option<PathBuf>,
    usual: Vec<PathBuf>,
}

impl Layers {
    /// Reads `named`, or else the project's file, and below it the user's and the system's.
    ///
    /// # Errors
    /// When a file cannot be read or is not TOML.
    pub fn read(named: Option<&Path>) -> Result<Self, SettingsError> {
        Places::of(named, user_folder()).read()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter()
    }

    /// All settings in one table: a key of a more specific file hides the same key of the others.
    pub fn merged(&self) -> Table {
        let mut merged = Table::new();
        for layer in self.0.iter().rev() {
            merge(&mut merged, &layer.table);
        }
        merged
    }

    /// Every setting with its dotted name, its value and the file it comes from, in the order of the names.
    pub fn origins(&self) -> Vec<(String, Value, &Path)> {
        let mut found: Vec<(String, Value, &Path)> = Vec::new();
        for layer in &self.0 {
            for (name, value) in leaves("", &layer.table) {
                if !found.iter().any(|(known, ..)| *known == name) {
                    found.push((name, value, &layer.path));
                }
            }
        }
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found
    }
}

impl Places {
    fn of(named: Option<&Path>, user: Option<PathBuf>) -> Self {
        let project = named.is_none().then(|| PathBuf::from(PROJECT_FILE));
        let user = user.map(|folder| folder.join(USER_FILE));
        let usual = project.into_iter().chain(user).chain([PathBuf::from(SYSTEM_FILE)]).collect();
        Self { named: named.map(Path::to_path_buf), usual }
    }

    fn read(self) -> Result<Layers, SettingsError> {
        let usual = self.usual.into_iter().filter(|path| path.exists());
        self.named.into_iter().chain(usual).map(layer).collect::<Result<_, _>>().map(Layers)
    }
}

fn layer(path: PathBuf) -> Result<Layer, SettingsError> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(&path).map_err(|reason| SettingsError::Unreadable { path: shown, reason })?;
    let table = toml::from_str(&text).map_err(|error| SettingsError::malformed(&path, &text, &error))?;
    Ok(Layer { path, text, table })
}

/// Where a user keeps configuration, by the rules of the XDG base directories.
pub(super) fn user_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
}

fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

fn leaves(prefix: &str, table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Value::Table(inner) = value {
            found.extend(leaves(&name, inner));
        } else {
            found.push((name, value.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(&path, text).expect("it can be written");
        path
    }

    #[test]
    fn a_more_specific_file_wins_key_by_key() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let project = written(folder.path(), "p.toml", "port = 1\n[limits]\nworkers = 1\n");
        let user = written(folder.path(), "u.toml", "port = 2\nhost = \"::1\"\n[limits]\nname_bytes = 2\n");
        let system = written(folder.path(), "s.toml", "port = 3\n[limits]\nworkers = 3\njson_depth = 3\n");
        let missing = folder.path().join("none.toml");
        let usual = vec![project.clone(), missing.clone(), user, system.clone()];
        let layers = Places { named: None, usual: usual.clone() }.read().expect("all are TOML");
        let expected = "host = \"::1\"\nport = 1\n\n[limits]\njson_depth = 3\nname_bytes = 2\nworkers = 1\n";
        assert_eq!(toml::from_str::<Table>(expected).expect("it is TOML"), layers.merged());
        let origins = layers.origins();
        let of = |name: &str| origins.iter().find(|(known, ..)| known == name).map(|(.., path)| *path);
        assert_eq!(of("port"), Some(project.as_path()));
        assert_eq!(of("limits.json_depth"), Some(system.as_path()));
        let named = Places { named: Some(missing), usual }.read();
        assert!(matches!(named, Err(SettingsError::Unreadable { .. })), "a named file must be there");
    }

    #[test]
    fn a_mistake_names_file_and_line() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = written(folder.path(), "wrong.toml", "port = 1\nhost = \n");
        let error = layer(path.clone()).expect_err("it is not TOML").to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("line 2"), "{error}");
    }
}
