//! What one setting is, and the macro that states them all.

/// One setting, as documentation and `--help` show it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its table in the settings file.
    pub section: &'static str,
    /// Its key in that table.
    pub name: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// How a value is written.
    pub kind: &'static str,
    /// The value when none is given; empty when there is none, or when others decide it.
    pub default: &'static str,
    /// Smallest and largest value.
    pub bounds: Option<(&'static str, &'static str)>,
    /// Whether it is kept out of the settings file, and may come as `…_FILE`.
    pub is_secret: bool,
    /// What it does, in sentences.
    pub doc: &'static str,
}

/// Declares the sections of [`Config`](super::Config) and their settings, the table of all of them, and how they are read.
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {$(
            $(#[doc = $doc:literal])+
            $name:ident: $kind:ty = $default:literal from $variable:literal $(within $min:literal to $max:literal)?;
        )+}
    )+) => {
        /// Everything that can be set, checked.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $section_doc])+ pub $section: $Section,)+
            /// What looks like a mistake but does no harm, for the log.
            pub warnings: Vec<String>,
        }

        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$($(Setting {
            section: stringify!($section),
            name: stringify!($name),
            variable: $variable,
            kind: <$kind as Value>::KIND,
            default: $default,
            bounds: $crate::config::settings::settings!(@bounds $($min $max)?),
            is_secret: <$kind as Value>::IS_SECRET,
            doc: concat!($($doc,)+).trim_ascii(),
        },)+)+];

        impl Config {
            fn from_sources(from: &source::Sources<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
                $(let $section = $Section::from_sources(from, problems);)+
                Some(Self { $($section: $section?,)+ warnings: Vec::new() })
            }
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug)]
            pub struct $Section { $($(#[doc = $doc])+ pub $name: $kind,)+ }

            impl $Section {
                fn from_sources(from: &source::Sources<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
                    $(let $name: Option<$kind> = from.value::<$kind>($variable, $default, problems)
                        $(.and_then(|value| source::within(value, $variable, ($min, $max), problems)))?;)+
                    Some(Self { $($name: $name?,)+ })
                }
            }
        )+
    };
    (@bounds) => { None };
    (@bounds $min:literal $max:literal) => { Some(($min, $max)) };
}
pub(super) use settings;
