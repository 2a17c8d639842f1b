//! Inputs made of other inputs.

mod bytes;
mod json;

use crate::random::Random;
use crate::request;

/// The largest input: what the functions take at most is 1 MiB, or 4.
const LARGEST: usize = 1024 * 1024;

/// What inputs look like, so that changes keep most of their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any bytes.
    Bytes,
    /// A JSON text.
    Json,
    /// An HTTP request as [`request::read`] takes it, with a body that may be JSON.
    Request,
}

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator {
    shape: Shape,
    words: Vec<&'static str>,
}

impl Mutator {
    pub fn new(shape: Shape, words: &[&'static str]) -> Self {
        Self {
            shape,
            words: words.iter().chain(bytes::WORDS).copied().collect(),
        }
    }

    /// One of `pool`, changed in one place or a few.
    pub fn mutate(&self, pool: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = random.pick(pool).clone();
        let times = 1 + if random.once_in(3) { random.below(6) } else { 0 };
        for _ in 0..times {
            let other = random.pick(pool);
            match self.shape {
                Shape::Bytes => bytes::change(&mut input, other, &self.words, random),
                Shape::Json => self.change_json(&mut input, other, random),
                Shape::Request => {
                    let (begin, others) = (request::body_of(&input), request::body_of(other));
                    let mut body = input.split_off(begin);
                    if body.is_empty() || random.once_in(2) {
                        bytes::change(&mut input, &other[..others], &self.words, random);
                    } else {
                        self.change_json(&mut body, &other[others..], random);
                    }
                    input.extend(body);
                }
            }
            input.truncate(LARGEST);
        }
        input
    }

    fn change_json(&self, input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
        // Texts that are no JSON at all are soon refused everywhere.
        if random.once_in(5) || !json::change(input, other, &self.words, random) {
            bytes::change(input, other, &self.words, random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let pool = [br#"{"a":[1,{"b":"c"}],"d":null}"#.to_vec(), b"[true, 7]".to_vec()];
        let make = |seed| {
            let (mutator, mut random) = (Mutator::new(Shape::Json, &["word"]), Random::new(seed));
            (0..2_000)
                .map(|_| mutator.mutate(&pool, &mut random))
                .collect::<Vec<_>>()
        };
        let made = make(1);
        assert_eq!(made, make(1));
        assert_ne!(made, make(2));
        let valid = made
            .iter()
            .filter(|input| serde_json::from_slice::<serde_json::Value>(input).is_ok());
        let (valid, different) = (valid.count(), std::collections::BTreeSet::from_iter(&made).len());
        assert!(valid > 800 && valid < 1_900, "{valid} are JSON");
        assert!(different > 1_000, "{different} differ");
    }
}
