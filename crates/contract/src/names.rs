//! The names of variables that the module gives to every request: they travel as numbers, so nobody copies, hashes or
//! compares them. Names that clients or configurations choose travel as text, in [`crate::request`].

macro_rules! names {
    ($($variant:ident $name:literal,)*) => {
        /// The fixed name of a variable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Name {
            /// All of them; each stands at the place that is its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As applications see it.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

names! {
    AuthType "AUTH_TYPE",
    ConnectionId "mod_wsgi.connection_id",
    ContentLength "CONTENT_LENGTH",
    ContentType "CONTENT_TYPE",
    ContextDocumentRoot "CONTEXT_DOCUMENT_ROOT",
    ContextPrefix "CONTEXT_PREFIX",
    DocumentRoot "DOCUMENT_ROOT",
    HandlerScript "mod_wsgi.handler_script",
    Host "HTTP_HOST",
    ListenerHost "mod_wsgi.listener_host",
    ListenerPort "mod_wsgi.listener_port",
    MountPoint "mod_wsgi.mount_point",
    PathInfo "PATH_INFO",
    QueryString "QUERY_STRING",
    RedirectQueryString "REDIRECT_QUERY_STRING",
    RedirectRemoteUser "REDIRECT_REMOTE_USER",
    RedirectUrl "REDIRECT_URL",
    RemoteAddr "REMOTE_ADDR",
    RemoteHost "REMOTE_HOST",
    RemotePort "REMOTE_PORT",
    RemoteUser "REMOTE_USER",
    RequestHandler "mod_wsgi.request_handler",
    RequestId "mod_wsgi.request_id",
    RequestMethod "REQUEST_METHOD",
    RequestPathInfo "mod_wsgi.path_info",
    RequestScheme "REQUEST_SCHEME",
    RequestScriptName "mod_wsgi.script_name",
    RequestUri "REQUEST_URI",
    ScriptFilename "SCRIPT_FILENAME",
    ScriptName "SCRIPT_NAME",
    ServerAddr "SERVER_ADDR",
    ServerAdmin "SERVER_ADMIN",
    ServerName "SERVER_NAME",
    ServerPid "mod_wsgi.server_pid",
    ServerPort "SERVER_PORT",
    ServerProtocol "SERVER_PROTOCOL",
    ServerSignature "SERVER_SIGNATURE",
    ServerSoftware "SERVER_SOFTWARE",
    Traceparent "mod_wsgi.traceparent",
}

impl Name {
    /// The one with this number.
    pub fn numbered(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Some of the names: a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names(u64);

const _: () = assert!(Name::ALL.len() <= u64::BITS as usize);

impl Names {
    /// Adds `name`.
    pub fn add(&mut self, name: Name) {
        self.0 |= 1 << name.number();
    }

    /// Whether `name` is there.
    pub fn has(self, name: Name) -> bool {
        self.0 & 1 << name.number() != 0
    }

    /// Those that `other` does not have.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Name> {
        Name::ALL.iter().copied().filter(move |name| self.has(*name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back() {
        for name in Name::ALL {
            assert_eq!(Name::numbered(name.number().into()), Some(*name));
        }
        assert_eq!(Name::numbered(Name::ALL.len() as u32), None);
    }

    #[test]
    fn no_text_stands_twice() {
        let mut texts: Vec<_> = Name::ALL.iter().map(|name| name.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Name::ALL.len());
    }

    #[test]
    fn some_of_them() {
        let (mut all, mut some) = (Names::default(), Names::default());
        [Name::PathInfo, Name::Traceparent, Name::AuthType].into_iter().for_each(|name| all.add(name));
        some.add(Name::PathInfo);
        assert!(all.has(Name::AuthType) && !some.has(Name::AuthType));
        assert_eq!(all.without(some).iter().collect::<Vec<_>>(), [Name::AuthType, Name::Traceparent]);
    }
}
