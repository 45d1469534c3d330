//! What lies beneath a bucket: which one it is, and what deleting in it does not reach.

use super::{UPLOADS, VERSIONS};
use crate::{
    adapters::s3::{
        Shared,
        versions::{After, of_bucket, page, prefix},
    },
    ports::{
        eraser::Ground,
        storage::{Fault, FaultKind, ObjectPath, Result},
    },
};

/// What a bucket may be set to do that leaves something elsewhere: what is asked, what the answer then holds, and what it
/// means.
const ELSEWHERE: [(&str, &str, &str); 2] = [
    ("replication", "<Rule>", "The bucket is replicated: copies in other buckets are not reached."),
    ("logging", "<LoggingEnabled>", "The bucket keeps an access log elsewhere: names in it are not reached."),
];

/// Which bucket it is.
pub(super) fn identity(shared: &Shared) -> String {
    format!("s3 {}", shared.bucket.base_url())
}

/// What lies beneath `folder`.
///
/// # Errors
/// Those of the store; `NotFound` when nothing is there.
pub(super) async fn ground(shared: &Shared, folder: &ObjectPath) -> Result<Ground> {
    let (mut is_empty, prefix) = (true, prefix(folder)?);
    for call in [&VERSIONS, &UPLOADS] {
        is_empty = is_empty && page(shared, call, &prefix, &After::default()).await?.things.is_empty();
    }
    if is_empty {
        return Err(Fault::new(FaultKind::NotFound, "measure", folder.to_string(), "no key begins so"));
    }
    let mut limits = vec![
        "Deleted through the store, version by version: what its provider keeps on media and in backups, and unfinished uploads that it does not list, are not reached."
            .to_owned(),
    ];
    for (resource, sign, means) in ELSEWHERE {
        match of_bucket(shared, "measure", &folder.to_string(), &[(resource, "")]).await {
            Ok(answer) if answer.contains(sign) => limits.push(means.to_owned()),
            Ok(_) => {}
            Err(fault) if fault.concerns_the_store() => return Err(fault),
            Err(fault) if fault.kind == FaultKind::NotFound => {}
            Err(fault) => limits.push(format!("The store does not say what it does for `{resource}`: {}.", fault.kind)),
        }
    }
    Ok(Ground { root: identity(shared), limits })
}
