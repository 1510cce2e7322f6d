//! Kinds of batches, and which files they take.

use crate::core::errors::INVALID_ARGUMENT;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

/// What runs for each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Vision,
    Function,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Text, Self::Vision, Self::Function];

    /// The type of its tasks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Vision => "vision",
            Self::Function => "function",
        }
    }

    /// # Errors
    /// When no kind has this name.
    pub fn parse(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            let near = suggestion(name, known);
            let message = format!("`{name}` is no kind of batch{near} (known: {})", known.join(", "));
            Rejection::new(INVALID_ARGUMENT, message)
        })
    }

    /// What it takes unless somebody says otherwise; of functions everything.
    const fn usual_extensions(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[".txt", ".md", ".csv", ".json", ".yaml", ".yml"],
            Self::Vision => &[".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tiff", ".webp"],
            Self::Function => &[],
        }
    }
}

/// The ends of the names that are taken, in small letters; none takes all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extensions(Vec<String>);

impl Extensions {
    /// `.txt`, `txt` and `.TXT` mean the same.
    pub(super) fn checked(kind: Kind, wanted: &[String]) -> Result<Self, Rejection> {
        if wanted.is_empty() {
            return Ok(Self(kind.usual_extensions().iter().map(|name| (*name).to_owned()).collect()));
        }
        let extension = |wanted: &String| {
            let bare = wanted.trim().trim_start_matches('.').to_lowercase();
            if bare.is_empty() || bare.contains(['/', '*', '?']) {
                let message = format!("`{wanted}` is no extension; write .txt or .tar.gz");
                return Err(Rejection::new(INVALID_ARGUMENT, message));
            }
            Ok(format!(".{bare}"))
        };
        wanted.iter().map(extension).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a file of this name is taken.
    pub fn take(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.0.is_empty() || self.0.iter().any(|end| name.ends_with(end.as_str()))
    }

    /// For messages.
    pub fn listed(&self) -> String {
        if self.0.is_empty() { "any name".to_owned() } else { self.0.join(", ") }
    }
}

/// Whether a file or folder is left out whatever its extension: what begins with a dot belongs to programs.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_written_in_any_way() {
        let wanted = ["TXT", ".Tar.gz"].map(str::to_owned);
        let extensions = Extensions::checked(Kind::Vision, &wanted).expect("they are extensions");
        let taken = ["a.txt", "B.TXT", "c.tar.gz", "txt", "d.gz", "e.png"].map(|name| extensions.take(name));
        assert_eq!(taken, [true, true, true, false, false, false]);
        let usual = Extensions::checked(Kind::Vision, &[]).expect("there are usual ones");
        assert!(usual.take("x.JPEG") && !usual.take("x.txt"));
        assert!(Extensions::checked(Kind::Function, &[]).expect("all").take("Makefile"));
        assert!(Extensions::checked(Kind::Text, &["*".to_owned()]).is_err());
        assert!(Kind::parse("visoin").expect_err("no kind").message.contains("did you mean `vision`?"));
    }
}
