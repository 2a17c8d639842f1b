//! Values that no table can hold as they are: one of them costs no more than itself.

use gitlab_sim::data::{Text, World};

use super::*;
use crate::sync::simulation::scene::Scene;

/// Stands in the simulated GitLab for what no text can hold.
const ODD: &str = "@odd@";

/// A scene that reads this stream too.
fn with(stream: &'static str) -> Scene {
    let mut scene = Scene::new(3, 60);
    let usual = scene.streams.all().filter(|stream| stream.usual).map(Stream::name);
    scene.options = Options::of_streams(usual.chain(["issue_notes", stream]));
    scene
}

/// Puts `to` in the place of `from` in some titles and notes, and in each label; with an empty `from` at the end.
fn replace(world: &mut World, from: &str, to: &str) {
    let replaced = |text: &str| match from {
        "" => format!("{text}{to}"),
        from => text.replace(from, to),
    };
    for row in world.merge_requests.iter_mut().step_by(7) {
        row.title = Text::plain(replaced(&row.title.read()));
    }
    for row in world.notes.iter_mut().step_by(7) {
        row.body = Text::plain(replaced(&row.body.read()));
    }
    for label in world.labels.iter_mut() {
        label.title = replaced(&label.title);
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_none_hides_no_row_of_graphql_or_rest() {
    // Latin-1, half of a surrogate pair, and a control character.
    for odd in [b"\xe8".as_slice(), br"\ud83d", b"\x01"] {
        let mut scene = with("mr_label_events");
        scene.stand.edit(|world, _| replace(world, "", ODD));
        scene.distort = Some(Arc::new(move |body| match String::from_utf8(body) {
            Ok(text) => text.split(ODD).map(str::as_bytes).collect::<Vec<_>>().join(odd),
            Err(error) => error.into_bytes(),
        }));
        assert!(scene.sync().await);
        let shown = if odd == b"\x01" { "\u{1}" } else { "\u{fffd}" };
        scene.stand.edit(|world, _| replace(world, ODD, shown));
        scene.assert_equal();
        let events = scene.memory.rows("mr_label_events");
        let titles = events.iter().filter_map(|event| event["label_title"].as_str());
        assert!(
            events.len() > 20 && titles.clone().all(|title| title.ends_with(shown)),
            "{:?}",
            titles.last()
        );
    }
}
