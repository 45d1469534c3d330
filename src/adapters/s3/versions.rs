//! Everything a bucket holds below a folder, page by page: versions of objects, the markers that a deletion leaves in
//! their place, and uploads that nobody finished. A plain listing shows none but the newest versions.

use std::sync::Arc;

use futures_util::{StreamExt, stream::BoxStream};
use rusty_s3::{S3Action, actions::GetObject};

use super::{
    SIGNED_FOR, Shared,
    answer::{between, hidden_refusal},
    call::SHORT_CALL,
};
use crate::ports::storage::{Fault, FaultKind, ObjectPath, Result};

/// What something in a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A version of an object: content.
    Version,
    /// What says that an object was deleted, while its versions are there.
    Marker,
    /// An upload that was begun: content nobody can read, and that is kept.
    Upload,
}

/// Something that can be deleted by itself.
#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) key: ObjectPath,
    pub(super) kind: Kind,
    /// The store's name for it; where nothing is versioned, all are `null`.
    pub(super) id: String,
    pub(super) size: u64,
    modified: String,
    etag: String,
}

impl Thing {
    /// What tells it from everything else under its key, and from what replaces it under the same name.
    pub(super) fn state(&self) -> String {
        let id = self.id.replace(':', "%3A");
        match self.kind {
            Kind::Version => format!("{id}:version:{}:{}:{}", self.size, self.modified, self.etag),
            Kind::Marker => format!("{id}:marker"),
            Kind::Upload => format!("{id}:upload"),
        }
    }
}

/// One of the two listings, and what its answer calls things.
#[derive(Debug)]
pub(super) struct Call {
    resource: &'static str,
    root: &'static str,
    kinds: &'static [(&'static str, &'static str, Kind)],
    id: (&'static str, &'static str),
    id_marker: &'static str,
    next_id: (&'static str, &'static str),
}

const VERSION: (&str, &str, Kind) = ("<Version>", "</Version>", Kind::Version);
const MARKER: (&str, &str, Kind) = ("<DeleteMarker>", "</DeleteMarker>", Kind::Marker);

const fn listing(kinds: &'static [(&'static str, &'static str, Kind)]) -> Call {
    Call {
        resource: "versions",
        root: "ListVersionsResult",
        kinds,
        id: ("<VersionId>", "</VersionId>"),
        id_marker: "version-id-marker",
        next_id: ("<NextVersionIdMarker>", "</NextVersionIdMarker>"),
    }
}

/// Versions and markers.
pub(super) static VERSIONS: Call = listing(&[VERSION, MARKER]);
/// Markers alone, in the same listing.
static MARKERS: Call = listing(&[MARKER]);
/// Versions alone, in the same listing.
static CONTENTS: Call = listing(&[VERSION]);

/// Uploads that were not finished.
pub(super) static UPLOADS: Call = Call {
    resource: "uploads",
    root: "ListMultipartUploadsResult",
    kinds: &[("<Upload>", "</Upload>", Kind::Upload)],
    id: ("<UploadId>", "</UploadId>"),
    id_marker: "upload-id-marker",
    next_id: ("<NextUploadIdMarker>", "</NextUploadIdMarker>"),
};

/// What a listing goes on behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct After {
    pub(super) key: String,
    pub(super) id: String,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) things: Vec<Thing>,
    pub(super) next: Option<After>,
}

/// Everything below `folder`, in the order in which the last is destroyed first: a marker hides the versions below it, so it
/// goes behind them.
pub(super) fn things(shared: &Arc<Shared>, folder: &ObjectPath) -> BoxStream<'static, Result<Vec<Thing>>> {
    let listings = [&MARKERS, &CONTENTS, &UPLOADS].map(|call| pages(shared.clone(), call, folder.clone()));
    futures_util::stream::iter(listings).flatten().boxed()
}

fn pages(shared: Arc<Shared>, call: &'static Call, folder: ObjectPath) -> BoxStream<'static, Result<Vec<Thing>>> {
    futures_util::stream::try_unfold(Some(After::default()), move |at| {
        let (shared, folder) = (shared.clone(), folder.clone());
        async move {
            let Some(after) = at else { return Ok(None) };
            let page = page(&shared, call, &prefix(&folder)?, &after).await?;
            Ok(Some((page.things, page.next)))
        }
    })
    .boxed()
}

/// What every key below `folder` begins with.
///
/// # Errors
/// `Unsupported` when it can be no key.
pub(super) fn prefix(folder: &ObjectPath) -> Result<String> {
    Ok(if folder.is_root() { String::new() } else { format!("{}/", Shared::key("survey", folder)?) })
}

/// One page of the things whose key begins with `prefix`, behind `after`.
///
/// # Errors
/// Those of the store; `Lied` when it would go on for ever.
pub(super) async fn page(shared: &Shared, call: &Call, prefix: &str, after: &After) -> Result<Page> {
    let place = ObjectPath::from(prefix).to_string();
    let mut query = vec![(call.resource, ""), ("encoding-type", "url"), ("prefix", prefix)];
    if !after.key.is_empty() {
        query.push(("key-marker", &after.key));
    }
    if !after.id.is_empty() {
        query.push((call.id_marker, &after.id));
    }
    let document = of_bucket(shared, "survey", &place, &query).await?;
    let read = read(&document, call);
    let odd =
        || Fault::new(FaultKind::Permanent, "survey", place.as_str(), "the answer is no listing that is understood");
    let Page { mut things, next } = read.ok_or_else(odd)?;
    // A store that does not heed the prefix must not lose what is not meant.
    things.retain(|thing| thing.key.as_bytes().starts_with(prefix.as_bytes()));
    if next.as_ref() == Some(after) {
        return Err(Fault::new(FaultKind::Lied, "survey", place, "the listing goes round in a circle"));
    }
    Ok(Page { things, next })
}

/// What the store says of the bucket itself.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_bucket(
    shared: &Shared,
    doing: &'static str,
    place: &str,
    query: &[(&'static str, &str)],
) -> Result<String> {
    let request = |http: &reqwest::Client| {
        // An object without a key is the bucket itself.
        let mut action = GetObject::new(&shared.bucket, Some(&shared.credentials), "");
        for (name, value) in query {
            action.query_mut().insert(*name, (*value).to_owned());
        }
        http.get(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    let response = shared.send(doing, place, request).await?;
    let broken = |_error| Fault::new(FaultKind::Transient, doing, place, "the answer broke off");
    let document = response.text().await.map_err(broken)?;
    match hidden_refusal(doing, place, &document) {
        Some(fault) => Err(fault),
        None => Ok(document),
    }
}

fn thing(text: &str, call: &Call, kind: Kind, is_encoded: bool) -> Option<Thing> {
    let field = |open, close| between(text, open, close).next();
    let owned = |open, close| field(open, close).unwrap_or_default().to_owned();
    Some(Thing {
        key: key(field("<Key>", "</Key>")?, is_encoded)?,
        kind,
        id: unescaped(field(call.id.0, call.id.1)?),
        size: field("<Size>", "</Size>").and_then(|size| size.parse().ok()).unwrap_or_default(),
        modified: owned("<LastModified>", "</LastModified>"),
        etag: unescaped(&owned("<ETag>", "</ETag>")).trim_matches('"').to_owned(),
    })
}

/// The page that an answer is; none when any of it is not understood, so that nothing is taken for absent.
fn read(document: &str, call: &Call) -> Option<Page> {
    let body = document.trim();
    if !body.contains(&format!("<{}", call.root)) || !body.ends_with(&format!("</{}>", call.root)) {
        return None;
    }
    let is_encoded = body.contains("<EncodingType>url</EncodingType>");
    let mut things = Vec::new();
    for (open, close, kind) in call.kinds {
        if body.matches(open).count() != body.matches(close).count() {
            return None;
        }
        for text in between(body, open, close) {
            things.extend(Some(thing(text, call, *kind, is_encoded)?));
        }
    }
    let is_cut = between(body, "<IsTruncated>", "</IsTruncated>").next()?.eq_ignore_ascii_case("true");
    let next = if is_cut { Some(next(body, call, is_encoded)?) } else { None };
    Some(Page { things, next })
}

fn next(document: &str, call: &Call, is_encoded: bool) -> Option<After> {
    let at = between(document, "<NextKeyMarker>", "</NextKeyMarker>").next()?;
    let id = between(document, call.next_id.0, call.next_id.1).next().unwrap_or_default();
    Some(After { key: key(at, is_encoded)?.as_utf8()?.to_owned(), id: unescaped(id) })
}

/// The key as it is, out of how the answer writes it.
fn key(text: &str, is_encoded: bool) -> Option<ObjectPath> {
    let text = unescaped(text);
    if is_encoded { ObjectPath::from_text(&text.replace('+', " ")).ok() } else { Some(ObjectPath::from(text.as_str())) }
}

/// Text as it is, out of how XML writes it.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = behind.split_once(';').unwrap_or((behind, ""));
        let number = |text: &str, radix| u32::from_str_radix(text, radix).ok().and_then(char::from_u32);
        match name {
            "lt" => plain.push('<'),
            "gt" => plain.push('>'),
            "quot" => plain.push('"'),
            "apos" => plain.push('\''),
            "amp" => plain.push('&'),
            _ => plain.extend(match name.strip_prefix("#x") {
                Some(hex) => number(hex, 16),
                None => name.strip_prefix('#').and_then(|decimal| number(decimal, 10)),
            }),
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as stores of the S3 protocol write one.
    const PAGE: &str = "<?xml version=\"1.0\"?>\n<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <NextKeyMarker>a%2Fb+c%2B%25</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>\
        <Version><Key>a/b+c%2B%25</Key><VersionId>v2</VersionId><Size>5</Size>\
        <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&#34;</ETag></Version>\
        <DeleteMarker><Key>a/gone</Key><VersionId>null</VersionId></DeleteMarker></ListVersionsResult>";

    #[test]
    fn a_page_is_read_as_it_is_written() {
        let page = read(PAGE, &VERSIONS).unwrap();
        let told: Vec<_> = page.things.iter().map(|thing| (thing.key.to_string(), thing.state())).collect();
        let version = ("a/b c+%25".to_owned(), "v2:version:5:2026-01-01T00:00:00.000Z:e".to_owned());
        assert_eq!(told, [version, ("a/gone".to_owned(), "null:marker".to_owned())]);
        assert_eq!(page.next, Some(After { key: "a/b c+%".to_owned(), id: "v1".to_owned() }));
    }

    #[test]
    fn what_is_not_understood_is_never_nothing() {
        for broken in [
            "",
            "<html>Welcome</html>",
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            &PAGE[..PAGE.len() - 4],
            &PAGE.replace("<IsTruncated>true</IsTruncated>", ""),
            &PAGE.replace("<VersionId>v2</VersionId>", ""),
            &PAGE.replace("<Key>a/gone</Key>", "<Key>a/%g</Key>"),
            &PAGE.replace("NextKeyMarker", "Marker"),
            &PAGE.replace("</DeleteMarker>", ""),
        ] {
            assert!(read(broken, &VERSIONS).is_none(), "{broken}");
        }
        assert!(read(PAGE, &UPLOADS).is_none(), "another listing");
    }

    #[test]
    fn text_is_read_out_of_xml() {
        for (text, expected) in [
            ("a&amp;b", "a&b"),
            ("&lt;&gt;&quot;&apos;", "<>\"'"),
            ("&#39;&#xD;&#13;", "'\r\r"),
            ("a&amp;lt;", "a&lt;"),
        ] {
            assert_eq!(unescaped(text), expected);
        }
    }
}
