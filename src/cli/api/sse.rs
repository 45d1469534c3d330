//! Event streams as bytes: what of them is needed to read GraphQL over SSE.
//!
//! # Source
//! HTML Living Standard, "Server-sent events"; GraphQL over SSE, distinct connections mode.

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// What kind of event: `next` or `complete`.
    pub name: String,
    /// The cursor to go on after.
    pub id: Option<String>,
    /// What it carries.
    pub data: String,
}

/// Takes a stream apart as it comes in.
#[derive(Debug, Default)]
pub struct SseReader {
    rest: Vec<u8>,
    event: SseEvent,
    has_data: bool,
}

impl SseReader {
    /// The events that `bytes` complete.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment is a sign of life; fields of others are theirs.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, id: Option<&str>, data: &str) -> SseEvent {
        SseEvent { name: name.to_owned(), id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let text = ":\n\nevent: next\nid: 7\ndata: {\"a\":\"ü\"}\n\n:\n\nevent: complete\ndata:\n\n".as_bytes();
        let expected = [event("next", Some("7"), "{\"a\":\"ü\"}"), event("complete", None, "")];
        for size in 1..text.len() {
            let mut reader = SseReader::default();
            let events: Vec<_> = text.chunks(size).flat_map(|bytes| reader.read(bytes)).collect();
            assert_eq!(events, expected, "cut every {size} bytes");
        }
    }

    #[test]
    fn lines_of_data_are_joined_and_foreign_fields_ignored() {
        let mut reader = SseReader::default();
        let events = reader.read(b"retry: 5\r\ndata: one\r\ndata: two\r\n\r\nid: 9\n\n");
        assert_eq!(events, [event("", None, "one\ntwo")]);
    }
}
