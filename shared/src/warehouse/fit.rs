//! Rows as large as BigQuery takes them: one that is larger would stop every commit.

use super::value::{Row, Value, row_size, value_size};

/// The largest row, as [`row_size`] reckons. A request to append may hold 10 MB
/// (<https://cloud.google.com/bigquery/quotas#write-api-limits>); the rest is for Arrow's framing.
pub(super) const LARGEST_ROW: usize = 9_500_000;
/// Room for the mark at the end of a text.
const MARK: usize = 100;

/// A value of which only the beginning is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which one of the row.
    pub place: usize,
    /// How many bytes of it are kept.
    pub kept: usize,
    /// How many it had.
    pub of: usize,
}

/// Cuts the longest values of a row that is too large, each text at the end of a character and with a mark behind it.
pub fn fit(row: &mut Row) -> Vec<Cut> {
    if row_size(row) <= LARGEST_ROW {
        return Vec::new();
    }
    let sizes: Vec<usize> = row.iter().map(value_size).collect();
    let most = LARGEST_ROW - row.len() * MARK;
    let (mut kept, mut size) = (sizes.clone(), sizes.iter().sum::<usize>());
    while size > most {
        let longest = kept.iter_mut().max().expect("a value");
        // Not more than half of it: the next longest may give the rest.
        let gives = (size - most).min(*longest / 2).max(1);
        *longest -= gives;
        size -= gives;
    }
    let of = sizes.iter().zip(&kept).enumerate();
    let cuts = of.filter(|(_, (of, kept))| kept < of);
    cuts.map(|(place, (of, kept))| {
        let kept = cut(&mut row[place], *kept, *of);
        Cut { place, kept, of: *of }
    })
    .collect()
}

/// Keeps so many bytes of a value, or a few less; returns how many.
fn cut(value: &mut Value, most: usize, of: usize) -> usize {
    let mark = |kept: usize| format!("… [cut: {} of {of} bytes are left out]", of - kept);
    match value {
        Value::Text(text) => {
            text.truncate(text.floor_char_boundary(most));
            let kept = text.len();
            text.push_str(&mark(kept));
            kept
        }
        Value::Texts(items) => {
            let mut size = 0;
            let fitting = items.iter().take_while(|item| {
                size += item.len() + 8;
                size <= most
            });
            let fitting = fitting.count();
            items.truncate(fitting);
            let kept = items.iter().map(|item| item.len() + 8).sum();
            items.push(mark(kept));
            kept
        }
        Value::Ints(items) => {
            items.truncate(most / 8);
            items.len() * 8
        }
        _ => most,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_text_is_cut_at_the_end_of_a_character_and_marked() {
        let note = "é".repeat(5_500_000);
        let mut row = vec![
            Value::Int(1),
            Value::Text(note.clone()),
            Value::Text("title".into()),
            Value::Null,
        ];
        let cuts = fit(&mut row);
        let [Cut { place: 1, kept, of }] = cuts[..] else {
            panic!("{cuts:?}")
        };
        let Value::Text(text) = &row[1] else { panic!("a text") };
        assert_eq!(of, note.len() + 8);
        let mark = format!("… [cut: {} of {of} bytes are left out]", of - kept);
        assert_eq!(text.strip_suffix(&mark), Some(&note[..kept]));
        assert!(
            (9_499_000..=LARGEST_ROW).contains(&row_size(&row)),
            "no more than is needed"
        );
        assert_eq!((&row[0], &row[2]), (&Value::Int(1), &Value::Text("title".into())));
        assert!(fit(&mut row).is_empty(), "once");
    }

    #[test]
    fn a_row_that_fits_stays_as_it_is() {
        let mut row = vec![Value::Text("x".repeat(LARGEST_ROW - 8))];
        let before = row.clone();
        assert!(fit(&mut row).is_empty() && row == before);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Int),
            (1usize..12_000_000, "\\PC").prop_map(|(length, c)| Value::Text(c.repeat(length / c.len()))),
            (1usize..40, 1usize..600_000).prop_map(|(n, length)| Value::Texts(vec!["é".repeat(length / 2); n])),
            (1usize..2_000_000).prop_map(|n| Value::Ints(vec![7; n])),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn whatever_it_holds_a_row_fits_and_the_same_one_in_the_same_way(row in prop::collection::vec(any_value(), 1..6)) {
            let (mut one, mut other) = (row.clone(), row.clone());
            let cuts = fit(&mut one);
            prop_assert!(row_size(&one) <= LARGEST_ROW);
            prop_assert_eq!(cuts.is_empty(), row_size(&row) <= LARGEST_ROW);
            prop_assert_eq!(cuts, fit(&mut other));
            prop_assert!(one == other && fit(&mut one).is_empty());
        }
    }
}
