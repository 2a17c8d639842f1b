//! Changes that know nothing of the input's form.

use crate::random::Random;

/// Bytes and texts that parsers stumble over.
pub const WORDS: &[&str] = &[
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\"",
    "'",
    "\\",
    "/",
    "..",
    "../",
    "%2e%2e%2f",
    "%00",
    "%ff",
    "-",
    "--",
    "+",
    ",",
    ";",
    ":",
    "=",
    "==",
    "{",
    "}",
    "[",
    "]",
    "{{",
    "}}",
    "${",
    "$(id)",
    "`",
    "<script>",
    "&",
    "#",
    "?",
    "*",
    "@",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "1e308",
    "1e999",
    "-0",
    "0.1",
    "NaN",
    "inf",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30",
    "\u{feff}",
    "\u{202e}",
    "é",
    "İ",
    "ß",
    "𝒳",
    "\u{7f}",
];

/// The longest text that a part is repeated to, now and then.
const LONG: usize = 300_000;

/// Changes `input` in one place; `other` is one to take parts of.
pub fn change(input: &mut Vec<u8>, other: &[u8], words: &[&str], random: &mut Random) {
    match random.below(10) {
        0 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        1 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = random.number().to_le_bytes()[0];
        }
        2 | 3 if !input.is_empty() => {
            input.drain(random.range(input.len()));
        }
        4 => {
            let part = random.range(input.len());
            repeat(input, part, random);
        }
        5 => {
            let part = other[random.range(other.len())].to_vec();
            put(input, &part, random);
        }
        6 if !input.is_empty() => {
            let end = random.below(input.len());
            input.truncate(end);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        7 => number(input, random),
        _ => put(input, random.pick(words).as_bytes(), random),
    }
}

/// In the place of a part, or between two.
fn put(input: &mut Vec<u8>, part: &[u8], random: &mut Random) {
    let place = match random.range(input.len()) {
        range if random.once_in(2) => range.start..range.start,
        range => range,
    };
    input.splice(place, part.iter().copied());
}

fn repeat(input: &mut Vec<u8>, part: std::ops::Range<usize>, random: &mut Random) {
    let copy = input[part.clone()].to_vec();
    if copy.is_empty() {
        return;
    }
    let times = match random.below(2_000) {
        0 => LONG / copy.len(),
        1..100 => 200 / copy.len() + 1,
        _ => 1 + random.below(3),
    };
    input.splice(part.end..part.end, copy.repeat(times));
}

/// Another number in the place of one.
fn number(input: &mut Vec<u8>, random: &mut Random) {
    let starts: Vec<usize> = (0..input.len())
        .filter(|at| input[*at].is_ascii_digit() && (*at == 0 || !input[at - 1].is_ascii_digit()))
        .take(200)
        .collect();
    if starts.is_empty() {
        return;
    }
    let begin = *random.pick(&starts);
    let digits = input[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let other = match random.below(4) {
        0 => random.below(10).to_string(),
        1 => (random.number() >> random.below(64)).to_string(),
        2 => "9".repeat(1 + random.below(25)),
        _ => format!("-{}", random.below(1_000)),
    };
    input.splice(begin..begin + digits, other.into_bytes());
}
