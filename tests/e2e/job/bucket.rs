//! A return out of a bucket into a bucket, both as the settings name them: a real store of the S3 protocol.

use gangway::{
    adapters::s3::S3,
    config::{Config, Environment, Flags},
    ports::storage::{Listed, ObjectSource, ObjectStore, Span},
    startup,
};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    moto::Moto,
    support::{on_both_stacks, run::of_client},
};

/// The places of a process whose settings name the bucket `data` at `endpoint` as the store `bucket`, below `gw/`, for these
/// uses; what lies there may be erased when `erasable` is its name.
pub(super) async fn configured(endpoint: &str, uses: &[&str], erasable: &str) -> Shelves {
    let home = tempfile::tempdir().unwrap();
    let store = json!([{ "name": "bucket", "endpoint": endpoint, "bucket": "data", "prefix": "gw/", "uses": uses }]);
    let (store, data) = (store.to_string(), home.path().display().to_string());
    let environment = Environment::from([
        ("GANGWAY_S3_STORES", store.as_str()),
        ("GANGWAY_S3_BUCKET_ACCESS_KEY_ID", "test"),
        ("GANGWAY_S3_BUCKET_SECRET_ACCESS_KEY", "secret"),
        ("GANGWAY_ERASABLE", erasable),
    ]);
    let config = Config::read(&Flags::from([("GANGWAY_DATA", data)]), &environment).unwrap();
    startup::assemble(config).await.unwrap().app.parts().shelves.clone()
}

/// What lies in the bucket below `folder`, by its name.
async fn lying(bucket: &S3, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let (mut pages, mut found) = (bucket.list(&folder.into()), BTreeMap::new());
    while let Some(page) = pages.next().await {
        for listed in page.unwrap() {
            let Listed::Entry(entry) = listed else { panic!("{folder} cannot be read whole") };
            let content = bucket.open(&entry.path, Span::All).await.unwrap().body.into_bytes(1 << 24).await.unwrap();
            let name = String::from_utf8(entry.path.file_name().to_vec()).unwrap();
            found.insert(name, content.to_vec());
        }
    }
    found
}

/// The client's files, by name, as they come out of the parts of `package`.
fn opened(site: &Site, package: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut packed = Vec::new();
    for (_, part) in package.iter().filter(|(name, _)| name.contains(".part-")) {
        let decryptor = age::Decryptor::new(part.as_slice()).unwrap();
        let keys = [&site.identity as &dyn age::Identity];
        decryptor.decrypt(keys.into_iter()).unwrap().read_to_end(&mut packed).unwrap();
    }
    let mut archive = tar::Archive::new(zstd::Decoder::new(packed.as_slice()).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let Some((_, below)) = path.split_once("/data/").filter(|_| !path.ends_with('/')) else { continue };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(below.split_once('/').unwrap().1.to_owned(), content);
    }
    files
}

on_both_stacks! {
    async fn a_bucket_of_the_settings_is_returned_into_one_proven_and_accepted(test) {
        let moto = Moto::start();
        let bucket = moto.bucket("data").await;
        let files = [("a.txt", make::noise(10)), ("deep/größe 100%.bin", make::noise(300_000))];
        for (key, content) in &files {
            bucket.put(&format!("gw/shared/acme/{key}").as_str().into(), content.clone().into()).await.unwrap();
        }
        // Of another client, and outside what the settings name.
        for key in ["gw/shared/other/b.txt", "shared/acme/c.txt"] {
            bucket.put(&key.into(), "not theirs".into()).await.unwrap();
        }
        let mut site = Site::of(test).await;
        let places = configured(moto.endpoint.as_str(), &["source", "destination"], "").await;
        site.change_shelves(|shelves| {
            shelves.sources.extend(places.sources);
            shelves.destinations.extend(places.destinations);
        });
        let holding = site.register("Bucket", "bucket://shared/acme", "RETURN").await;

        let options = json!({ "dataReturn": { "format": "BAGIT_TAR_ZSTD", "destination": "bucket" } });
        let plan = site.plan_as(json!({ "holdingIds": [holding], "options": options })).await;
        assert_eq!((&plan["blockedBy"], &plan["targets"][0]["location"]), (&json!([]), &json!("bucket://shared/acme")));
        let job = site.start_plan(&plan, "return-a-bucket").await;
        let working = site.work();
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        let result = &done["result"];
        assert_eq!((&result["fileCount"], &result["incompleteCount"]), (&json!("2"), &json!("0")));
        assert_eq!(site.state_of(&holding).await, "REMOVED");

        let key = format!("gw/acme/{}", job["id"].as_str().unwrap());
        assert_eq!(result["location"], format!("bucket://{key}"), "where the client finds it in the bucket");
        let package = lying(&bucket, &key).await;
        let manifest = &package[&format!("{}.package.json", result["package"].as_str().unwrap())];
        assert_eq!(result["manifestDigest"], hex::encode(Sha256::digest(manifest)));
        let expected = files.map(|(key, content)| (key.to_owned(), content));
        assert_eq!(opened(&site, &package), BTreeMap::from(expected));
        assert_eq!(lying(&bucket, "gw/shared").await.len(), 3, "the source is as it was");

        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        let answer = json!({ "jobId": job["id"], "manifestDigest": result["manifestDigest"], "verdict": "ACCEPTED" });
        assert_eq!(sent(&site.test, &contact, ACKNOWLEDGE, answer).await["userErrors"], json!([]));
        assert_eq!(site.state_of(&holding).await, "CLOSED");
    }
}
