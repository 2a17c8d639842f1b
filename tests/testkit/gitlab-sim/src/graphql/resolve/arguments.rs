//! Arguments that several fields share.

use super::super::plan::Field;
use super::super::run::{Failed, Run};
use crate::data::Span;
use crate::instant;

/// The span of time between the arguments `<name>After` and `<name>Before`.
pub fn span<'a>(run: &mut Run<'a>, field: &'a Field, name: &str) -> Result<Span, Failed> {
    let mut read = |end: &str| -> Result<Option<i64>, Failed> {
        let argument = format!("{name}{end}");
        let Some(text) = field.text(&argument) else {
            return Ok(None);
        };
        let at = instant::parse(text);
        if at.is_none() {
            run.fail(&format!(
                "Argument '{argument}' on Field '{}' has an invalid value ({text:?}). Expected type 'Time'.",
                field.name
            ))?;
        }
        Ok(at)
    };
    Ok(Span {
        after: read("After")?,
        before: read("Before")?,
    })
}

/// The numbers of global ids of one kind, such as `gid://gitlab/Project/5`.
pub fn ids<'a>(run: &mut Run<'a>, field: &'a Field, kind: &str) -> Result<Option<Vec<u64>>, Failed> {
    let Some(texts) = field.texts("ids") else {
        return Ok(None);
    };
    let mut ids = Vec::new();
    for text in texts {
        let id = text
            .strip_prefix("gid://gitlab/")
            .and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('/')?.parse().ok());
        match id {
            Some(id) => ids.push(id),
            None => run.fail(&format!("\"{text}\" does not represent an instance of {kind}"))?,
        }
    }
    Ok(Some(ids))
}
