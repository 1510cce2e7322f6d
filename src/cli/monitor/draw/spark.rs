//! A figure over time in one line.

/// From nothing to the highest value.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The latest values, one a column, the newest on the right. A gap is a space.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a value between none and the highest becomes one of eight bars"
)]
pub fn line(values: &[Option<f64>], width: usize) -> String {
    let seen = values.get(values.len().saturating_sub(width)..).unwrap_or_default();
    let highest = seen.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) if *value > 0.0 && highest > 0.0 => {
            let place = (value / highest * 8.0).ceil() as usize;
            BARS.get(place.saturating_sub(1)).copied().unwrap_or('█')
        }
        // A line at the bottom: it was looked at, and nothing happened.
        Some(_) => '_',
    };
    let drawn: String = seen.iter().map(bar).collect();
    " ".repeat(width.saturating_sub(seen.len())) + &drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_drawn_against_the_highest_one() {
        let values = [None, Some(0.0), Some(1.0), Some(4.0), Some(8.0)];
        assert_eq!(line(&values, 7), "   _▁▄█");
        assert_eq!(line(&values, 2), "▄█");
        assert_eq!([line(&values, 0), line(&[], 2)], ["", "  "]);
    }
}
