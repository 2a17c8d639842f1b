//! Writing the answer. Values go straight into the text of the JSON document, so a page costs no tree of values.

use std::fmt::Write;

use serde_json::{Value, json};

use super::connection::{Page, Place, Window};
use super::plan::Field;
use crate::data::{Order, World};
use crate::instant::{self, Instant};
use crate::poison::{Poison, Poisoned};

/// An error that is already written down and now spreads upwards until a field may be null.
pub struct Failed;

pub type Outcome = Result<(), Failed>;

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// One execution.
pub struct Run<'a> {
    pub world: &'a World,
    pub score: u32,
    pub limit: u32,
    pub introspection: Value,
    poisoned: &'a [Poisoned],
    /// The row that the next object is.
    row: Option<(&'static str, u64)>,
    hits: Vec<Poison>,
    out: String,
    path: Vec<Step<'a>>,
    errors: Vec<Value>,
}

impl<'a> Run<'a> {
    pub fn new(world: &'a World, poisoned: &'a [Poisoned], score: u32, limit: u32, introspection: Value) -> Self {
        Self {
            world,
            poisoned,
            row: None,
            hits: Vec::new(),
            score,
            limit,
            introspection,
            out: String::new(),
            path: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// The text of `data`, the errors, and the poison that was met.
    pub fn finish(self) -> (String, Vec<Value>, Vec<Poison>) {
        (self.out, self.errors, self.hits)
    }

    /// Notes an error at the field in hand.
    pub fn fail(&mut self, message: &str) -> Outcome {
        let path: Vec<Value> = self
            .path
            .iter()
            .map(|step| match step {
                Step::Key(key) => Value::from(*key),
                Step::Index(index) => Value::from(*index),
            })
            .collect();
        self.errors.push(json!({"message": message, "path": path}));
        Err(Failed)
    }

    /// Writes a row of this type and number, which may be poisoned.
    pub fn row(
        &mut self,
        row: (&'static str, u64),
        fields: &'a [Field],
        each: impl FnMut(&mut Self, &'a Field) -> Outcome,
    ) -> Outcome {
        if let Some(poison) = self.poison_of(Some(row), None) {
            self.poison(poison)?;
        }
        self.row = Some(row);
        self.object(fields, each)
    }

    fn poison_of(&self, row: Option<(&'static str, u64)>, field: Option<&str>) -> Option<Poison> {
        let (kind, id) = row?;
        let mut poisoned = self.poisoned.iter();
        poisoned
            .find(|poisoned| poisoned.is_of(kind, id, field))
            .map(|poisoned| poisoned.poison)
    }

    /// What poison does before a value is written.
    fn poison(&mut self, poison: Poison) -> Outcome {
        self.hits.push(poison);
        match poison {
            Poison::Error => self.fail("Internal server error"),
            Poison::Null => Err(Failed),
            Poison::Status(_) | Poison::Surrogate | Poison::NotUtf8 => Ok(()),
        }
    }

    /// Writes an object, `each` of whose fields writes its value.
    pub fn object(&mut self, fields: &'a [Field], mut each: impl FnMut(&mut Self, &'a Field) -> Outcome) -> Outcome {
        let row = self.row.take();
        self.out.push('{');
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let _ = self.text(&field.key);
            self.out.push(':');
            if field.name == "__typename" {
                let _ = self.text(&field.parent);
                continue;
            }
            let start = self.out.len();
            self.path.push(Step::Key(&field.key));
            let poison = self.poison_of(row, Some(&field.name));
            let outcome = match poison.map_or(Ok(()), |poison| self.poison(poison)) {
                Ok(()) => each(self, field),
                failed => failed,
            };
            if let Some(poison) = poison
                && self.out.len() > start
            {
                poison.spoil(&mut self.out);
            }
            self.path.pop();
            if outcome.is_err() {
                if !field.nullable {
                    return outcome;
                }
                self.out.truncate(start);
                let _ = self.null();
            }
        }
        self.out.push('}');
        Ok(())
    }

    /// Writes an array; a failed item becomes null.
    pub fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> Outcome,
    ) -> Outcome {
        self.out.push('[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let start = self.out.len();
            self.path.push(Step::Index(index));
            let outcome = each(self, item);
            self.path.pop();
            if outcome.is_err() {
                self.out.truncate(start);
                let _ = self.null();
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// Writes one page of rows that come in `order`, each with its place in it.
    pub fn connection<T: Copy, I: Iterator<Item = (Place, T)>>(
        &mut self,
        field: &'a Field,
        order: Order,
        rows: impl Fn(Option<Place>) -> I,
        visible: impl Fn(&T) -> bool,
        mut node: impl FnMut(&mut Self, &'a [Field], T) -> Outcome,
    ) -> Outcome {
        let window = match Window::of(field, order) {
            Ok(window) => window,
            Err(message) => return self.fail(message),
        };
        let page = Page::cut(&window, rows(window.after.clone()), visible);
        self.object(&field.selection, |run, inner| match inner.name.as_str() {
            "nodes" => run.list(page.nodes.iter(), |run, row| node(run, &inner.selection, *row)),
            "pageInfo" => run.object(&inner.selection, |run, info| match info.name.as_str() {
                "endCursor" => run.maybe(page.end_cursor.as_deref(), Self::text),
                "startCursor" => run.maybe(page.start_cursor.as_deref(), Self::text),
                "hasNextPage" => run.flag(page.has_next),
                _ => run.flag(page.has_previous),
            }),
            "count" => run.number(rows(None).count()),
            _ => run.null(),
        })
    }

    pub fn null(&mut self) -> Outcome {
        self.out.push_str("null");
        Ok(())
    }

    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> Outcome) -> Outcome {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    pub fn flag(&mut self, value: bool) -> Outcome {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    pub fn number(&mut self, value: impl std::fmt::Display) -> Outcome {
        let _ = write!(self.out, "{value}");
        Ok(())
    }

    /// A bare word that needs no escaping: an enum's value, a number as text, an id.
    pub fn word(&mut self, value: impl std::fmt::Display) -> Outcome {
        let _ = write!(self.out, "\"{value}\"");
        Ok(())
    }

    /// GitLab's global id.
    pub fn gid(&mut self, kind: &str, id: u64) -> Outcome {
        self.word(format_args!("gid://gitlab/{kind}/{id}"))
    }

    pub fn time(&mut self, at: Instant) -> Outcome {
        self.word(instant::print(at))
    }

    pub fn text(&mut self, value: &str) -> Outcome {
        self.out.push('"');
        let mut plain = 0;
        for (index, byte) in value.bytes().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.out.push_str(&value[plain..index]);
            plain = index + 1;
            match byte {
                b'"' => self.out.push_str("\\\""),
                b'\\' => self.out.push_str("\\\\"),
                b'\n' => self.out.push_str("\\n"),
                b'\t' => self.out.push_str("\\t"),
                other => {
                    let _ = write!(self.out, "\\u{other:04x}");
                }
            }
        }
        self.out.push_str(&value[plain..]);
        self.out.push('"');
        Ok(())
    }

    /// A value of introspection, as it stands.
    pub fn json(&mut self, value: &Value) -> Outcome {
        self.number(value)
    }
}
