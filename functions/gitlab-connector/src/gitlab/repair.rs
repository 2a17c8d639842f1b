//! JSON whose texts hold what no text can: bytes that are not UTF-8, or half a surrogate pair. GitLab gives such a text
//! as it was pushed or imported, and it must not hide the rows beside it.
//!
//! serde_json refuses both. sonic-rs would take them, as a whole second parser that is used for nothing else.

use std::fmt::Write;

use serde_json::Value;

/// Reads JSON. Only of what can't be read otherwise the texts are repaired: U+FFFD stands where no text was.
/// `None`: it is no JSON even so.
pub fn parse(body: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Some(value);
    }
    let value = serde_json::from_str(&repaired(body)).ok()?;
    tracing::warn!("an answer of GitLab holds bytes that are no text; U+FFFD stands in their place");
    Some(value)
}

/// The same JSON with texts that are some.
fn repaired(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut repaired = String::with_capacity(rest.len());
    let mut in_text = false;
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    while let Some(place) = rest.bytes().position(|byte| is_special(&byte)) {
        let (plain, special) = rest.split_at(place);
        repaired.push_str(plain);
        let taken = match special.as_bytes()[0] {
            b'\\' => escape(special, &mut repaired),
            // A control character as it is.
            control @ ..b' ' if in_text => {
                let _ = write!(repaired, "\\u{control:04x}");
                1
            }
            other => {
                in_text ^= other == b'"';
                repaired.push(char::from(other));
                1
            }
        };
        rest = &special[taken..];
    }
    repaired.push_str(rest);
    repaired
}

/// Adds the escape at the beginning of `text`; returns its length there.
fn escape(text: &str, repaired: &mut String) -> usize {
    let (whole, taken) = match (unit(text), text.get(6..).and_then(unit)) {
        (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (&text[..12], 12),
        (Some(0xd800..0xe000), _) => ("\\ufffd", 6),
        _ => {
            let taken = 1 + text[1..].chars().next().map_or(0, char::len_utf8);
            (&text[..taken], taken)
        }
    };
    repaired.push_str(whole);
    taken
}

/// What stands as `\uXXXX` at the beginning of `text`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_that_is_none_is_the_only_one_that_suffers() {
        for (body, title) in [
            (b"[\"Cr\xe8me\",\"b\"]".as_slice(), "Cr\u{fffd}me"),
            (b"[\"cut \xf0\x9f\x99\",\"b\"]", "cut \u{fffd}"),
            (br#"["\ud83d","b"]"#, "\u{fffd}"),
            (
                br#"["\ude00 \uD83D\ude00 \uD83D\n\ud83d\u00e8","b"]"#,
                "\u{fffd} \u{1f600} \u{fffd}\n\u{fffd}è",
            ),
            (br#"["\\ud83d \ud83d\ud83d\ude00","b"]"#, "\\ud83d \u{fffd}\u{1f600}"),
            (b"[\"a\nb\x01\",\n\t\"b\"]", "a\nb\u{1}"),
            (b"\xef\xbb\xbf[\"plain\", \"b\"]", "plain"),
        ] {
            let told = String::from_utf8_lossy(body);
            assert_eq!(parse(body), Some(json!([title, "b"])), "{told}");
            assert!(serde_json::from_slice::<Value>(body).is_err(), "{told}");
        }
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for body in [
            b"".as_slice(),
            b"[\"\xe8",
            b"[\xe8]",
            b"[\"\\",
            b"[\"\\u",
            b"[\"\\ud8",
            b"[\"\\u+123\"]",
            b"[\"\\x\"]",
            b"[\"\\\xe8\"]",
            b"<html>\xe8",
        ] {
            assert_eq!(parse(body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("a\"b\\\\{[,:]} \u{1} \u{1f600} \\ud83d")),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_needs_no_repair_is_left_as_it_is(value in any_json(), is_pretty in any::<bool>()) {
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&value),
                false => serde_json::to_string(&value),
            }.expect("JSON");
            prop_assert_eq!(repaired(text.as_bytes()), text);
        }

        #[test]
        fn escaped_halves_become_what_utf_16_has_for_them(
            units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd800..0xe000_u16], 0..12),
        ) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
            let read = parse(format!("[\"{escaped}\",7]").as_bytes());
            prop_assert_eq!(read, Some(json!([String::from_utf16_lossy(&units), 7])));
        }

        #[test]
        fn bytes_become_what_utf_8_has_for_them(bytes in prop::collection::vec(b'\x80'.., 0..12)) {
            let body = [b"[\"".as_slice(), &bytes, b"\",7]"].concat();
            prop_assert_eq!(parse(&body), Some(json!([String::from_utf8_lossy(&bytes), 7])));
        }

        #[test]
        fn it_takes_whatever_comes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let repaired = repaired(&body);
            // Twice is once.
            prop_assert_eq!(self::repaired(repaired.as_bytes()), repaired);
        }
    }
}
