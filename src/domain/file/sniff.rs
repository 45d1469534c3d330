//! What a file is, told by its bytes: its name and the uploader's word are not asked.

use infer::Infer;

/// The type of what is neither known nor text.
pub const BINARY: &str = "application/octet-stream";
const TEXT: &str = "text/plain";

/// Formats show themselves in their first bytes; the furthest known to `infer` (ISO 9660) is left out.
const HEAD_BYTES: usize = 8 * 1024;

/// Looks at bytes as they pass.
#[derive(Debug, Default)]
pub struct Sniffer {
    head: Vec<u8>,
    /// The first bytes of a character that was cut between two chunks.
    cut: Vec<u8>,
    is_binary: bool,
}

impl Sniffer {
    /// Looks at the next bytes.
    pub fn see(&mut self, chunk: &[u8]) {
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend_from_slice(&chunk[..missing]);
        if !self.is_binary {
            self.see_text(chunk);
        }
    }

    fn see_text(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !self.cut.is_empty() {
            let Some((next, after)) = rest.split_first() else { return };
            self.cut.push(*next);
            rest = after;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                // It lacks more bytes; a character has four at most.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return self.is_binary = true,
            }
        }
        let cut = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return self.is_binary = true,
        };
        self.cut.extend_from_slice(&rest[cut..]);
        self.is_binary = rest[..cut].iter().copied().any(is_no_text);
    }

    /// What was seen is: the format that its first bytes announce, else text when all of it is text, else
    /// just bytes.
    pub fn media_type(&self) -> &'static str {
        let is_text = !self.is_binary && self.cut.is_empty();
        match Infer::new().get(&self.head).map(|found| found.mime_type()) {
            // Two letters such as `BM` or `MZ` announce a binary format only in what is no text.
            Some(found) if !is_text || is_textual(found) => found,
            Some(_) | None if is_text => TEXT,
            Some(_) | None => BINARY,
        }
    }
}

/// Control characters that no text has.
fn is_no_text(byte: u8) -> bool {
    byte == 0x7f || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

/// Formats whose files may be all text.
fn is_textual(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || matches!(media_type, "application/pdf" | "application/rtf" | "application/postscript")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> &'static str {
        let mut whole = Sniffer::default();
        whole.see(bytes);
        for size in [1, 2, 3, 7] {
            let mut pieces = Sniffer::default();
            bytes.chunks(size).for_each(|piece| pieces.see(piece));
            assert_eq!(pieces.media_type(), whole.media_type(), "{bytes:?} by {size}");
        }
        whole.media_type()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(told(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png");
        assert_eq!(told(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
        assert_eq!(told(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"), "application/pdf");
        assert_eq!(told(b"%PDF-1.7 all text"), "application/pdf");
        assert_eq!(told(b"MZ\x90\0\x03\0\0\0\x04"), "application/vnd.microsoft.portable-executable");
        assert_eq!(told(b"<!DOCTYPE html><script>alert(1)</script>"), "text/html");
    }

    #[test]
    fn text_is_text_whatever_letters_it_begins_with() {
        for text in ["plain", "BMW needs a new lease", "MZ is a short word", "Grüße, 世界 🎉", "", "a\tb\r\nc\n"]
        {
            assert_eq!(told(text.as_bytes()), TEXT, "{text}");
        }
    }

    #[test]
    fn what_is_no_text_and_unknown_is_just_bytes() {
        let mut late = "x".repeat(20_000).into_bytes();
        late.push(0xff);
        for bytes in [&b"a\0b"[..], b"\xc3", b"\xe4\xb8", b"caf\xe9", b"\x01\x02\x03\x04", &late] {
            assert_eq!(told(bytes), BINARY, "{:?}", &bytes[..bytes.len().min(8)]);
        }
    }
}
