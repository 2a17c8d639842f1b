//! Fields that this GitLab lacks; their columns are NULL.

use crate::gitlab::Instance;
use crate::streams::Stream;
use crate::sync::resources::Resources;

/// Those that its schema lacks, as `stream.field`.
pub fn missing_fields(inner: &Resources, instance: &Instance) -> Vec<String> {
    let missing: Vec<String> = inner
        .streams
        .all()
        .flat_map(|stream: &Stream| {
            let known = stream.node_type.and_then(|name| instance.fields.get(name));
            let missing = known.map(|known| stream.missing(known)).unwrap_or_default();
            missing.into_iter().map(|field| format!("{}.{field}", stream.name()))
        })
        .collect();
    if !missing.is_empty() {
        tracing::warn!(
            ?missing,
            version = instance.version,
            "this GitLab lacks fields; their columns are NULL"
        );
    }
    missing
}

/// Those that GitLab refused although its schema did not tell that it lacks them, as `stream.field`.
pub fn refused_fields(inner: &Resources) -> Vec<String> {
    let unknown = inner.client.unknown_fields();
    let lacks = |stream: &Stream, field: &str| {
        let mut of_type = unknown.iter().filter(|unknown| stream.node_type == Some(&unknown.of));
        of_type.any(|unknown| unknown.name == field && unknown.argument.is_none())
    };
    let of_stream = |stream: &Stream| {
        let fields = stream.missing(&Default::default());
        let refused = fields.into_iter().filter(|field| lacks(stream, field));
        refused
            .map(|field| format!("{}.{field}", stream.name()))
            .collect::<Vec<_>>()
    };
    let arguments = unknown.iter().filter(|unknown| unknown.argument.is_some());
    let arguments = arguments.map(ToString::to_string);
    inner.streams.all().flat_map(of_stream).chain(arguments).collect()
}
