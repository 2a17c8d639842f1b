//! Projects that are left out.

use super::*;
use crate::sync::simulation::scene::Scene;

#[tokio::test(start_paused = true)]
async fn of_an_excluded_project_nothing_is_read_and_of_all_others_everything() {
    for single in [true, false] {
        let whole = Scene::new(4, 80);
        assert!(whole.sync().await);
        let mut scene = Scene::new(4, 80);
        scene.single = single;
        let out = whole.memory.rows("merge_requests")[0]["project_id"].clone();
        let path = scene.stand.with_world(|world| {
            let project = world.projects.iter().find(|row| out == row.id);
            project.expect("it is there").full_path()
        });
        let (_, name) = path.rsplit_once('/').expect("a group");
        scene.options.exclude = vec![format!("*/{name}")];
        for _ in 0..2 {
            assert!(scene.sync().await);
            for table in ["merge_requests", "issues", "pipelines", "projects"] {
                let column = if table == "projects" { "id" } else { "project_id" };
                let others = whole.memory.rows(table).into_iter().filter(|row| row[column] != out);
                let mut others: Vec<String> = others.map(|row| row.to_string()).collect();
                let mut found: Vec<String> = scene.memory.rows(table).iter().map(ToString::to_string).collect();
                others.sort_unstable();
                found.sort_unstable();
                assert!(!others.is_empty() && others.len() < whole.memory.rows(table).len());
                assert!(others == found, "{table}: {} and not {}", found.len(), others.len());
            }
            let labels = scene.memory.rows("labels");
            assert!(labels.iter().all(|row| row["project_id"] != out));
            scene.stand.wait(Duration::from_secs(3600));
        }
    }
}
