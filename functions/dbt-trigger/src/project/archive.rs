//! A `.tar.gz` in Cloud Storage.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::error::ProjectError;
use crate::bucket::Bucket;

/// The most that an archive may unpack to: a project is text.
const UNPACKED_LIMIT: u64 = 512 * 1024 * 1024;
/// The most folders around a file: each of them is looked at for each file, so thousands would keep a processor busy for minutes.
const DEPTH_LIMIT: usize = 64;

/// Fetches the object's newest generation into a folder of its own; its number and the folder.
///
/// # Errors
/// If it can't be had, or not be unpacked.
pub async fn fetch(bucket: &Bucket, object: &str, cache: &Path) -> Result<(String, PathBuf), ProjectError> {
    let generation = bucket.generation(object).await?;
    let generation = generation.ok_or_else(|| ProjectError::NoArchive(object.to_owned()))?;
    let folder = cache.join(&generation);
    if folder.is_dir() {
        return Ok((generation, folder));
    }
    let packed = bucket.get(object).await?.ok_or(ProjectError::Gone)?;
    let unpacking = cache.join(format!("{generation}.part"));
    let (from, to) = (unpacking.clone(), folder.clone());
    let unpacked = tokio::task::spawn_blocking(move || {
        let _ = std::fs::remove_dir_all(&from);
        // Last, so that a folder of this name is whole.
        let done = unpack(&packed, &from).and_then(|()| std::fs::rename(&from, &to));
        if done.is_err() {
            let _ = std::fs::remove_dir_all(&from);
        }
        done
    });
    let unpacked = unpacked.await.map_err(std::io::Error::other).flatten();
    unpacked.map_err(|error| ProjectError::Unpack {
        object: object.to_owned(),
        error,
    })?;
    Ok((generation, folder))
}

/// Unpacks files and folders. Links are left out: dbt would follow them out of the project.
fn unpack(packed: &[u8], folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let too_large = || std::io::Error::other(format!("it unpacks to more than {UNPACKED_LIMIT} bytes"));
    let mut limited = GzDecoder::new(packed).take(UNPACKED_LIMIT);
    let mut archive = tar::Archive::new(&mut limited);
    archive.set_preserve_permissions(false);
    let mut unpacked = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() || kind.is_dir()) {
            tracing::warn!(
                "{} of the project's archive is neither a file nor a folder, and is left out",
                entry.path()?.display()
            );
            continue;
        }
        if entry.path()?.components().count() > DEPTH_LIMIT {
            let problem = format!("it has a file or folder in more than {DEPTH_LIMIT} others");
            return Err(std::io::Error::other(problem));
        }
        // Of a sparse file this is what it seems to hold, which takes no room in the archive.
        unpacked += entry.size();
        if unpacked > UNPACKED_LIMIT {
            return Err(too_large());
        }
        // Leaves out what would land outside of the folder.
        entry.unpack_in(folder)?;
    }
    if limited.limit() == 0 {
        return Err(too_large());
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

    fn gzipped(header: &tar::Header, content: &[u8]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        archive.append(header, content).expect("added");
        archive.into_inner().expect("whole").finish().expect("whole")
    }

    #[test]
    fn what_lies_deeper_than_a_project_does_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        // A header has room for a hundred characters.
        let deep = |folders: usize| packed(&[(&format!("{}x", "a/".repeat(folders)), "")]);
        assert!(unpack(&deep(40), folder.path()).is_ok());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        archive
            .append_data(&mut header, "a/".repeat(1_900), &b""[..])
            .expect("added");
        let packed = archive.into_inner().expect("whole").finish().expect("whole");
        let refused = unpack(&packed, folder.path()).expect_err("refused").to_string();
        assert!(refused.contains("more than 64"), "{refused}");
    }

    #[test]
    fn links_are_left_out() {
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut header = tar::Header::new_gnu();
            header.set_path("environ.sql").expect("a path");
            header.set_link_name("/proc/self/environ").expect("a link");
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_cksum();
            unpack(&gzipped(&header, b""), folder.path()).expect("unpacked");
            assert!(!folder.path().join("environ.sql").exists(), "{kind:?}");
        }
    }

    #[test]
    fn a_sparse_file_counts_as_what_it_seems_to_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut header = tar::Header::new_gnu();
        header.set_path("dbt_project.yml").expect("a path");
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(0);
        let gnu = header.as_gnu_mut().expect("GNU's form");
        // One tebibyte without a byte of content: a hole up to its end.
        let size = 1_u64 << 40;
        gnu.realsize[0] = 0x80;
        gnu.realsize[4..].copy_from_slice(&size.to_be_bytes());
        gnu.sparse[0].offset[0] = 0x80;
        gnu.sparse[0].offset[4..].copy_from_slice(&size.to_be_bytes());
        gnu.sparse[0].numbytes[..11].copy_from_slice(b"00000000000");
        header.set_cksum();
        let refused = unpack(&gzipped(&header, b""), folder.path()).expect_err("too large");
        assert!(refused.to_string().contains("more than"), "{refused}");
        assert!(!folder.path().join("dbt_project.yml").exists());
    }

    #[tokio::test]
    async fn what_cannot_be_unpacked_leaves_nothing() {
        let emulator = crate::bucket::tests::fake().await;
        let uri = crate::config::GcsUri::parse("gs://b").expect("valid");
        let bucket = Bucket::new(&uri, Some(&emulator)).expect("a client");
        let cache = tempfile::tempdir().expect("a folder");
        let broken = packed(&[("a", "text")]);
        let broken = broken[..broken.len() / 2].to_vec();
        bucket
            .put("p.tar.gz", "application/gzip", broken)
            .await
            .expect("written");
        fetch(&bucket, "p.tar.gz", cache.path()).await.expect_err("broken");
        assert_eq!(std::fs::read_dir(cache.path()).expect("there").count(), 0);
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
                .to_string()
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
