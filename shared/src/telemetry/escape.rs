//! Characters that change what a terminal or an editor shows around them.

/// Whether `c` can move the cursor, recolour or reorder what is shown: control characters (C0, DEL and C1) and those
/// that steer the direction of text (<https://www.unicode.org/reports/tr9/>, "Trojan Source").
pub(crate) fn is_deceptive(c: char) -> bool {
    let directional =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Line and paragraph separators end a line as well.
    c.is_control() || directional || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `text` with deceptive characters written out: `\u{202e}`.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_deceptive(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_the_screen_is_written_out_and_languages_are_left_alone() {
        assert_eq!(
            escaped("a\u{1b}[2J\u{9b}31m\u{202e}b\n"),
            "a\\u{1b}[2J\\u{9b}31m\\u{202e}b\\u{a}"
        );
        for text in ["Grüße, 世界", "مرحبا", "👩\u{200d}🔧"] {
            assert_eq!(escaped(text), text);
        }
    }
}
