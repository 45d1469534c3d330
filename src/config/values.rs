//! How the text of a setting becomes a value.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A type of setting.
pub trait Value: Sized {
    /// How a value is written, for documentation.
    const KIND: &'static str;
    /// Whether it is kept out of the settings file.
    const IS_SECRET: bool = false;

    /// The value that `text` says.
    ///
    /// # Errors
    /// What is wrong with `text`, without repeating a secret.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A text that no log and no message shows.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// The number as the machine's own size.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A web origin, such as `https://desk.example.com`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin of `url`, or `None` when it is not an `http` or `https` URL.
    pub fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Self(url.origin().ascii_serialization()))
    }

    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a waiting job is announced to workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    /// Through Redis, to every worker.
    Redis,
    /// Inside this process.
    Memory,
    /// Not at all: workers look at every tick.
    Poll,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Value for String {
    const KIND: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for bool {
    const KIND: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().ok_or_else(|| format!("must be `true` or `false`, not `{text}`"))
    }
}

impl Value for u32 {
    const KIND: &'static str = "number";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().ok_or_else(|| format!("must be a whole number, not `{text}`"))
    }
}

impl Value for SocketAddr {
    const KIND: &'static str = "address:port";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            .ok_or_else(|| format!("must be an IP address and a port, such as `127.0.0.1:8080`, not `{text}`"))
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') { Err("must not contain a null byte".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Value for Url {
    const KIND: &'static str = "URL";

    fn parse(text: &str) -> Result<Self, String> {
        let url = Self::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err("must begin with `http://` or `https://`".to_owned()),
        }
    }
}

impl Value for Duration {
    const KIND: &'static str = "duration (`500ms`, `10s`, `5m`, `2h`)";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let millis_each = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(format!("must be a number with `ms`, `s`, `m` or `h`, not `{text}`")),
        };
        let number: u64 = number.parse().ok().ok_or_else(|| format!("must begin with a whole number, not `{text}`"))?;
        number.checked_mul(millis_each).map(Self::from_millis).ok_or_else(|| format!("`{text}` is too long"))
    }
}

impl Value for Size {
    const KIND: &'static str = "size (`65536`, `64KiB`, `1MiB`, `5GB`)";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let bytes_each = match unit {
            "" | "B" => 1,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("must be bytes, or a number with kB, KiB, MB, MiB, GB or GiB, not `{text}`")),
        };
        let number: u64 = number.parse().ok().ok_or_else(|| format!("must begin with a whole number, not `{text}`"))?;
        number.checked_mul(bytes_each).map(Self).ok_or_else(|| format!("`{text}` is too large"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl Value for Secret {
    const KIND: &'static str = "secret";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

impl Value for Origin {
    const KIND: &'static str = "origin";

    fn parse(text: &str) -> Result<Self, String> {
        let origin =
            Self::of(text).ok_or_else(|| format!("`{text}` is not a web origin such as `https://a.example`"))?;
        if origin.as_str() == text.trim_end_matches('/') {
            Ok(origin)
        } else {
            Err(format!("must be the origin alone: write `{}`", origin.as_str()))
        }
    }
}

impl Value for Hints {
    const KIND: &'static str = "`redis`, `memory` or `poll`";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "redis" => Ok(Self::Redis),
            "memory" => Ok(Self::Memory),
            "poll" => Ok(Self::Poll),
            _ => Err(format!("must be `redis`, `memory` or `poll`, not `{text}`")),
        }
    }
}

impl Value for LogFormat {
    const KIND: &'static str = "`text` or `json`";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("must be `text` or `json`, not `{text}`")),
        }
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
}

/// A setting that may be given several times, separated by commas.
pub(super) trait Listed: Value {
    const LIST_KIND: &'static str;
}

impl Listed for Origin {
    const LIST_KIND: &'static str = "origins, separated by commas";
}

impl<T: Listed> Value for Vec<T> {
    const KIND: &'static str = T::LIST_KIND;

    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(T::parse).collect()
    }
}
