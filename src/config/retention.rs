//! What is kept of ended workflows.

use super::file::{ConfigError, duration};
use super::size::parse_size;

const DAYS: f64 = 30.0;
/// Whole segments are deleted, oldest first, and the newest always stays: with fewer there would be nothing to win.
const SEGMENTS_MIN: u64 = 4;

/// Each of them alone is a reason to let ended workflows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    pub ms: u64,
    pub workflows: Option<u64>,
    pub log_bytes: Option<u64>,
}

/// The settings as they are written.
pub(super) struct Written<'a> {
    pub(super) days: Option<f64>,
    pub(super) workflows: Option<u64>,
    pub(super) log_size: Option<&'a str>,
}

impl Written<'_> {
    /// # Errors
    /// Which of them is out of range.
    pub(super) fn resolve(&self, segment_size: u64) -> Result<RetentionConfig, ConfigError> {
        let ms = duration("retention_days", self.days.unwrap_or(DAYS), 86_400_000.0)?;
        if self.workflows == Some(0) {
            let fix = "is out of range: it must be at least 1, or left out";
            return Err(ConfigError::setting("retention_workflows", "0", fix));
        }
        let log_bytes = self.log_size.map(|text| parse_size("retention_log_size", text)).transpose()?;
        if let (Some(bytes), Some(text)) = (log_bytes, self.log_size)
            && bytes < segment_size.saturating_mul(SEGMENTS_MIN)
        {
            let least = segment_size.saturating_mul(SEGMENTS_MIN);
            let fix = format!(
                "is less than {SEGMENTS_MIN} segments ({least} bytes); give more, or lower segment_size"
            );
            return Err(ConfigError::setting("retention_log_size", text, &fix));
        }
        Ok(RetentionConfig { ms, workflows: self.workflows, log_bytes })
    }
}
