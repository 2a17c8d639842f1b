//! What others wrote, for a terminal: nothing in it moves the cursor, changes a colour or turns a line around.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` on one line, with an escape for each character that a terminal would act on: control characters (C0, DEL and C1), line
/// and paragraph separators, and those that change the direction of writing (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>).
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() || is_directional(c) => shown.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

/// The same for a text of several lines, which stay lines.
pub fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns of a terminal `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// As much of `text` as fits into `columns`, with an ellipsis where something is left out.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.into();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// `text`, filled with blanks up to `columns`; `right` puts them before it.
pub fn padded(text: &str, columns: usize, right: bool) -> String {
    let gap = " ".repeat(columns.saturating_sub(width(text)));
    if right { gap + text } else { text.to_owned() + &gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_passes() {
        assert_eq!(
            visible("a\tb\nc\rd\u{1b}[31m \u{7f}\u{9b}2J \u{202e}txt.exe \u{2067}\u{2028}"),
            "a\\tb\\nc\\rd\\u{1b}[31m \\u{7f}\\u{9b}2J \\u{202e}txt.exe \\u{2067}\\u{2028}"
        );
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!visible(&all).chars().any(|c| c.is_control() || is_directional(c)));
        assert_eq!(visible("Grüße, 世界 👩‍🚀"), "Grüße, 世界 👩‍🚀");
        assert_eq!(visible_lines("a\nb\u{1b}c\n"), "a\nb\\u{1b}c");
    }

    #[test]
    fn columns_stay_aligned_with_wide_and_narrow_characters() {
        for text in ["plain", "世界", "e\u{301}te\u{301}", "👍 ok", "ｆｕｌｌ"] {
            assert_eq!(width(&padded(text, 12, false)), 12, "{text}");
            assert_eq!(width(&padded(text, 12, true)), 12, "{text}");
        }
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("世界世界", 6), "世界…");
        for columns in 1..9 {
            assert!(width(&cut("a世界世界", columns)) <= columns, "{columns}");
        }
    }
}
