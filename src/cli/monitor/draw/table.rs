//! A list: its head, and the rows around the chosen one.

use super::super::look::Tone;
use super::super::rows::{Column, Table, Width};
use super::pen::{Pen, clipped, width_of};

/// Between two columns.
const GAP: u16 = 2;

/// Which row is marked.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    At(usize),
    Nothing,
}

/// Draws the head and as many rows as there is room for.
pub fn draw(pen: &mut Pen<'_>, table: &Table, mark: Mark) {
    let columns = laid_out(table.columns, pen.width());
    for (column, left, width) in &columns {
        let title =
            aligned(table.columns.get(*column).map_or("", |column| column.title), *column, table, *width);
        pen.write(*left, 0, &title, Tone::Muted);
    }
    let room = usize::from(pen.height().saturating_sub(1));
    let chosen = match mark {
        Mark::At(place) => place,
        Mark::Nothing => 0,
    };
    let first = first_row(chosen, table.rows.len(), room);
    for (row, line) in table.rows.iter().skip(first).zip(1..pen.height()) {
        for (column, left, width) in &columns {
            let Some(cell) = row.cells.get(*column) else { continue };
            let text = aligned(&cell.text, *column, table, *width);
            pen.write(*left, line, &text, cell.tone);
        }
    }
    if let Mark::At(place) = mark
        && let Ok(line) = u16::try_from(place.saturating_sub(first) + 1)
        && !table.rows.is_empty()
    {
        pen.reverse(line);
    }
}

/// The first row that is drawn, so that the chosen one stands in the middle where it can.
fn first_row(chosen: usize, rows: usize, room: usize) -> usize {
    chosen.saturating_sub(room / 2).min(rows.saturating_sub(room))
}

fn aligned(text: &str, column: usize, table: &Table, width: u16) -> String {
    let width = usize::from(width);
    let text = clipped(text, width);
    match table.columns.get(column).map(|column| column.width) {
        Some(Width::Right(_)) => " ".repeat(width.saturating_sub(width_of(&text))) + &text,
        Some(Width::Left(_) | Width::Share(_)) | None => text,
    }
}

/// Columns by their place, with where they begin and how wide they are.
fn laid_out(columns: &[Column], width: u16) -> Vec<(usize, u16, u16)> {
    let least = |column: &Column| match column.width {
        Width::Left(width) | Width::Right(width) | Width::Share(width) => width,
    };
    let highest = columns.iter().map(|column| column.rank).max().unwrap_or(0);
    let shown = |rank: u8| columns.iter().enumerate().filter(move |(_, column)| column.rank <= rank);
    let needed = |rank| shown(rank).map(|(_, column)| least(column) + GAP).sum::<u16>().saturating_sub(GAP);
    // Where even the most important ones have no room, they are cut at the edge.
    let rank = (0..=highest).rev().find(|rank| needed(*rank) <= width).unwrap_or(0);
    let unused = width.saturating_sub(needed(rank));
    let shares = shown(rank).filter(|(_, column)| matches!(column.width, Width::Share(_))).count();
    let share = unused.checked_div(u16::try_from(shares).unwrap_or(u16::MAX)).unwrap_or(0);
    let mut left = 0_u16;
    let mut laid = Vec::new();
    for (place, column) in shown(rank) {
        let wide = match column.width {
            Width::Left(width) | Width::Right(width) => width,
            Width::Share(width) => width.saturating_add(share),
        };
        laid.push((place, left, wide));
        left = left.saturating_add(wide + GAP);
    }
    laid
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { title: "A", width: Width::Left(5), rank: 0 },
        Column { title: "B", width: Width::Share(5), rank: 0 },
        Column { title: "C", width: Width::Right(5), rank: 1 },
    ];

    #[test]
    fn columns_of_the_highest_rank_go_first() {
        assert_eq!(laid_out(COLUMNS, 30), [(0, 0, 5), (1, 7, 16), (2, 25, 5)]);
        assert_eq!(laid_out(COLUMNS, 15), [(0, 0, 5), (1, 7, 8)]);
        assert_eq!(laid_out(COLUMNS, 3), [(0, 0, 5), (1, 7, 5)], "they are cut when they are drawn");
    }

    #[test]
    fn the_chosen_row_is_always_seen() {
        for (rows, room) in [(0, 0), (1, 0), (5, 10), (100, 7), (100, 1)] {
            for chosen in 0..rows {
                let first = first_row(chosen, rows, room);
                assert!(room == 0 || (first..first + room).contains(&chosen), "{chosen} of {rows} in {room}");
            }
        }
    }
}
