//! A `.tar.gz` in Cloud Storage.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::bucket::Bucket;

/// The most that an archive may unpack to: a project is text.
const UNPACKED_LIMIT: u64 = 512 * 1024 * 1024;

/// Fetches the object's newest generation into a folder of its own; its number and the folder.
pub async fn fetch(bucket: &Bucket, object: &str, cache: &Path) -> Result<(String, PathBuf), String> {
    let generation = bucket.generation(object).await?;
    let generation = generation.ok_or_else(|| format!("there is no object {object} in the bucket"))?;
    let folder = cache.join(&generation);
    if folder.is_dir() {
        return Ok((generation, folder));
    }
    let packed = bucket.get(object).await?.ok_or("the object is gone again")?;
    let unpacking = cache.join(format!("{generation}.part"));
    let (from, to) = (unpacking.clone(), folder.clone());
    let unpacked = tokio::task::spawn_blocking(move || {
        let _ = std::fs::remove_dir_all(&from);
        unpack(&packed, &from)?;
        // Last, so that a folder of this name is whole.
        std::fs::rename(&from, &to)
    });
    let unpacked = unpacked.await.map_err(|e| e.to_string())?;
    unpacked.map_err(|e| format!("{object} is no .tar.gz that can be unpacked: {e}"))?;
    Ok((generation, folder))
}

fn unpack(packed: &[u8], folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut limited = GzDecoder::new(packed).take(UNPACKED_LIMIT);
    // Leaves out what would land outside of the folder.
    let mut archive = tar::Archive::new(&mut limited);
    archive.set_preserve_permissions(false);
    archive.unpack(folder)?;
    if limited.limit() == 0 {
        return Err(std::io::Error::other(format!(
            "it unpacks to more than {UNPACKED_LIMIT} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            // Set by hand: `append_data` refuses a name with `..`, and here one is wanted.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append(&header, text.as_bytes()).expect("added");
        }
        archive.into_inner().expect("whole").finish().expect("whole")
    }

    #[test]
    fn files_are_unpacked_and_none_outside() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        unpack(
            &packed(&[("p/dbt_project.yml", "name: x"), ("../outside", "no")]),
            &inner,
        )
        .expect("unpacked");
        assert!(inner.join("p/dbt_project.yml").is_file());
        assert!(!folder.path().join("outside").exists());
    }

    #[tokio::test]
    async fn each_generation_of_an_archive_gets_a_folder_of_its_own() {
        let emulator = crate::bucket::tests::fake().await;
        let place = crate::config::GcsUri::parse("gs://b").expect("valid");
        let bucket = Bucket::new(&place, Some(&emulator)).expect("a client");
        let cache = tempfile::tempdir().expect("a folder");
        let object = "projects/p.tar.gz";
        assert!(
            fetch(&bucket, object, cache.path())
                .await
                .expect_err("none")
                .contains(object)
        );
        let store = async |text: &str| {
            let archive = packed(&[("p/dbt_project.yml", text)]);
            bucket.put(object, "application/gzip", archive).await.expect("written");
            fetch(&bucket, object, cache.path()).await.expect("fetched")
        };
        let (first, folder) = store("name: one").await;
        let (second, newer) = store("name: another, which is longer").await;
        assert_ne!(first, second);
        assert!(folder.join("p/dbt_project.yml").is_file() && newer.join("p/dbt_project.yml").is_file());
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..300), packed_first: bool) {
            if packed_first {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(&bytes).expect("written");
                bytes = gzip.finish().expect("whole");
            }
            let folder = tempfile::tempdir().expect("a folder");
            let _ = unpack(&bytes, folder.path());
        }
    }
}
