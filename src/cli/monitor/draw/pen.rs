//! Text on a part of the screen. Whatever does not fit is cut, so that no size of a terminal is too small.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::super::look::{Colours, Tone};

/// Writes into one rectangle.
pub struct Pen<'b> {
    buffer: &'b mut Buffer,
    colours: Colours,
    area: Rect,
}

impl<'b> Pen<'b> {
    pub fn new(buffer: &'b mut Buffer, colours: Colours) -> Self {
        let area = buffer.area;
        Self { buffer, colours, area }
    }

    pub fn width(&self) -> u16 {
        self.area.width
    }

    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// A pen for the lines from `top` on, `height` of them at most.
    pub fn lines(&mut self, top: u16, height: u16) -> Pen<'_> {
        let top = top.min(self.area.height);
        let height = height.min(self.area.height - top);
        let area = Rect { y: self.area.y + top, height, ..self.area };
        Pen { buffer: self.buffer, colours: self.colours, area }
    }

    /// A pen for the columns from `left` on, `width` of them at most.
    pub fn columns(&mut self, left: u16, width: u16) -> Pen<'_> {
        let left = left.min(self.area.width);
        let width = width.min(self.area.width - left);
        let area = Rect { x: self.area.x + left, width, ..self.area };
        Pen { buffer: self.buffer, colours: self.colours, area }
    }

    /// Writes in a line from a column on, and returns the column behind it.
    pub fn write(&mut self, column: u16, line: u16, text: &str, tone: Tone) -> u16 {
        let style = self.colours.style(tone);
        self.styled(column, line, text, style)
    }

    fn styled(&mut self, column: u16, line: u16, text: &str, style: Style) -> u16 {
        if column >= self.area.width || line >= self.area.height {
            return column;
        }
        let text = clipped(text, usize::from(self.area.width - column));
        let (x, y) = (self.area.x + column, self.area.y + line);
        let room = usize::from(self.area.width - column);
        self.buffer.set_stringn(x, y, &text, room, style).0.saturating_sub(self.area.x)
    }

    /// Writes parts one behind the other, two spaces apart; empty ones leave no gap.
    pub fn parts(&mut self, line: u16, parts: &[(String, Tone)]) {
        let mut column = 0;
        for (text, tone) in parts.iter().filter(|(text, _)| !text.is_empty()) {
            column = self.write(column, line, text, *tone) + 2;
        }
    }

    /// Turns the colours of a line around.
    pub fn reverse(&mut self, line: u16) {
        if line < self.area.height {
            let area = Rect { y: self.area.y + line, height: 1, ..self.area };
            self.buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
        }
    }

    /// A line that stands out, over the whole width.
    pub fn banner(&mut self, line: u16, text: &str, tone: Tone) {
        let width = usize::from(self.area.width);
        let padding = width.saturating_sub(width_of(text));
        self.write(0, line, &format!("{text}{}", " ".repeat(padding)), tone);
        self.reverse(line);
    }

    /// Spaces everywhere.
    pub fn clear(&mut self) {
        for y in self.area.top()..self.area.bottom() {
            for x in self.area.left()..self.area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }
}

/// How many columns a text takes.
pub fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

/// As much of a text as fits, with an ellipsis where something is missing.
pub fn clipped(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let mut bytes = [0; 4];
        let wide = width_of(c.encode_utf8(&mut bytes));
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcd", 3), "ab…");
        assert_eq!(clipped("表表表", 4), "表…");
        assert_eq!([clipped("ab", 1), clipped("ab", 0)], ["…", ""]);
    }
}
