//! Sizes as people write them.

use super::file::ConfigError;

/// Bytes of `64MiB`, `16 MB`, `512KiB` or `1048576`.
///
/// # Errors
/// When the text is not a size.
pub fn parse_size(setting: &str, text: &str) -> Result<u64, ConfigError> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(wrong(setting, text)),
    };
    let number: u64 = number.parse().map_err(|_| wrong(setting, text))?;
    number.checked_mul(factor).ok_or_else(|| wrong(setting, text))
}

fn wrong(setting: &str, text: &str) -> ConfigError {
    ConfigError::setting(setting, text, "is not a size: write 64MiB, 16MB, 512KiB or a number of bytes")
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        let size = |text| parse_size("x", text).ok();
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size(" 16 mb "), Some(16_000_000));
        assert_eq!(size("7"), Some(7));
        for wrong in ["", "MiB", "1.5MiB", "-1", "99999999999GiB", "1 furlong"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
