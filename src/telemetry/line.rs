//! Writing one event as one line, for people or for machines.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::Context,
    registry::LookupSpan,
};

use super::redact;

/// Longer values are cut: a log is no archive.
const VALUE_MAX_CHARS: usize = 2_000;
/// Events of these modules are ours.
const OWN_TARGET: &str = "gangway";

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Writes every event, with the fields of its spans, as one line.
#[derive(Debug)]
pub struct Lines<W> {
    format: Format,
    fields: &'static [&'static str],
    writer: W,
}

impl<W> Lines<W> {
    /// Lines of `format` to `writer`, with no other fields than `fields`.
    pub fn new(format: Format, fields: &'static [&'static str], writer: W) -> Self {
        Self { format, fields, writer }
    }

    fn collected(&self) -> Fields {
        Fields { allowed: self.fields, message: String::new(), values: Map::new(), dropped: Vec::new() }
    }
}

/// The fields of one span or event: those that may be written, and the names of the others.
#[derive(Clone)]
struct Fields {
    allowed: &'static [&'static str],
    message: String,
    values: Map<String, Value>,
    dropped: Vec<&'static str>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if self.allowed.contains(&field.name()) {
            self.values.insert(field.name().to_owned(), value);
        } else {
            self.dropped.push(field.name());
        }
    }

    /// The text without secrets, cut to what a line holds.
    fn put_text(&mut self, field: &Field, text: &str) {
        let clean: String = redact(text).chars().take(VALUE_MAX_CHARS).collect();
        if field.name() == "message" {
            self.message = clean;
        } else {
            self.put(field, Value::String(clean));
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = self.collected();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = self.collected();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.values.extend(fields.values.clone());
                line.dropped.extend(fields.dropped.clone());
            }
        }
        event.record(&mut line);
        if event.metadata().target().starts_with(OWN_TARGET) && !line.dropped.is_empty() {
            line.values.insert("dropped".to_owned(), line.dropped.join(",").into());
        }
        let text = match self.format {
            Format::Text => as_text(event.metadata(), &line),
            Format::Json => as_json(event.metadata(), line),
        };
        // A log that cannot be written is no reason to stop working.
        _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}

fn now() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn as_json(metadata: &Metadata<'_>, line: Fields) -> String {
    let mut object = Map::new();
    object.insert("at".to_owned(), now().into());
    object.insert("level".to_owned(), metadata.level().as_str().into());
    object.insert("target".to_owned(), metadata.target().into());
    object.insert("message".to_owned(), line.message.into());
    object.extend(line.values);
    let mut text = Value::Object(object).to_string();
    text.push('\n');
    text
}

/// Line breaks and escape codes are written as `\n` and the like, so that no value can forge a line.
fn as_text(metadata: &Metadata<'_>, line: &Fields) -> String {
    let mut text = format!("{} {:5} {}", now(), metadata.level().as_str(), escaped(&line.message));
    for (name, value) in &line.values {
        _ = match value {
            Value::String(value) if value.contains([' ', '"']) => write!(text, " {name}={value:?}"),
            Value::String(value) => write!(text, " {name}={}", escaped(value)),
            other => write!(text, " {name}={other}"),
        };
    }
    if !metadata.target().starts_with(OWN_TARGET) {
        _ = write!(text, " ({})", metadata.target());
    }
    text.push('\n');
    text
}

fn escaped(value: &str) -> String {
    let escape =
        |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() };
    value.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, log: impl FnOnce()) -> String {
        let page = Page::default();
        let maker = page.clone();
        let lines = Lines::new(format, super::super::FIELDS, move || maker.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_carries_the_fields_of_its_spans_and_only_allowed_ones() {
        let text = written(Format::Json, || {
            let outer = tracing::info_span!("request", request.id = "r1", secret_thing = "s3cret").entered();
            let inner = tracing::info_span!("inner", job.id = tracing::field::Empty).entered();
            inner.record("job.id", "j1");
            tracing::warn!(attempt = 2, body = "s3cret", "The job failed.");
            drop((inner, outer));
        });
        let line: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "The job failed.");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["request.id"], "r1");
        assert_eq!(line["job.id"], "j1");
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["dropped"], "secret_thing,body");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn no_value_can_forge_a_line_or_show_a_token() {
        for format in [Format::Text, Format::Json] {
            let text = written(format, || {
                tracing::info!(path = "a\nb\u{1b}[31m", error = "Bearer abcdef", "One\nmessage.");
            });
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains("abcdef"), "{text}");
        }
    }

    #[test]
    fn a_line_for_people_reads_as_a_sentence_with_fields() {
        let text = written(Format::Text, || tracing::info!(count = 3, reason = "two words", "It is done."));
        assert!(text.ends_with("INFO  It is done. count=3 reason=\"two words\"\n"), "{text}");
    }

    #[test]
    fn long_values_are_cut() {
        let text = written(Format::Text, || tracing::info!(error = "x".repeat(10_000), "Long."));
        assert!(text.len() < 2_200, "{}", text.len());
    }
}
