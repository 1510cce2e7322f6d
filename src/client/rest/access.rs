//! Users and keys.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Client;
use super::calls::set_body;
use super::error::ClientError;
use super::transport::Request;
use super::types::{Page, Receipt, TextFormat};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Whoami {
    pub user: String,
    pub role: String,
    /// Whether the server asks for keys.
    #[serde(default)]
    pub guarded: bool,
    pub key: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// `readonly`, `user`, `service`, `operator` or `admin`.
    pub role: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A key, without its secret, which is in `more` of the answer that made it and nowhere else.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub user: String,
    pub name: String,
    pub role: String,
    /// `active`, `expired` or `revoked`.
    #[serde(default)]
    pub status: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// A key that is to be made.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewKey {
    /// Whose key it is to be.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// No further than the user's own.
    pub role: String,
    /// What a key of the role `service` may register.
    pub services: Vec<String>,
    /// What these services may offer; without any: everything.
    pub capabilities: Vec<String>,
    /// Without it the key counts until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
}

const USERS: [&str; 3] = ["api", "v1", "users"];
const KEYS: [&str; 3] = ["api", "v1", "keys"];

impl Client {
    /// Whose key this client has, and what it may do.
    pub async fn whoami(&self) -> Result<Whoami, ClientError> {
        self.fetch(self.get(&["api", "v1", "whoami"])).await
    }

    pub async fn users(&self) -> Result<Page<User>, ClientError> {
        self.fetch(self.get(&USERS)).await
    }

    pub async fn add_user(&self, name: &str, role: &str) -> Result<User, ClientError> {
        self.fetch(with(self.post(&USERS), &json!({"name": name, "role": role}))?).await
    }

    pub async fn change_role(&self, name: &str, role: &str) -> Result<User, ClientError> {
        let mut request = with(self.post(&["api", "v1", "users", name]), &json!({"role": role}))?;
        request.method = Method::PATCH;
        self.fetch(request).await
    }

    /// Removes a user with all keys.
    pub async fn remove_user(&self, name: &str) -> Result<Receipt, ClientError> {
        let mut request = self.post(&["api", "v1", "users", name]);
        request.method = Method::DELETE;
        self.fetch(request).await
    }

    pub async fn keys(&self) -> Result<Page<AccessKey>, ClientError> {
        self.fetch(self.get(&KEYS)).await
    }

    /// Makes a key. Its secret is in `more` of this answer, and in no other.
    pub async fn create_key(&self, key: &NewKey) -> Result<AccessKey, ClientError> {
        self.fetch(with(self.post(&KEYS), key)?).await
    }

    /// Has a key count no longer, and ends what is connected with it.
    pub async fn revoke_key(&self, id: &str) -> Result<Receipt, ClientError> {
        let mut request = self.post(&["api", "v1", "keys", id]);
        request.method = Method::DELETE;
        self.fetch(request).await
    }
}

fn with<T: Serialize>(mut request: Request, body: &T) -> Result<Request, ClientError> {
    set_body(&mut request.headers, TextFormat::Json);
    request.body = serde_json::to_vec(body)?;
    Ok(request)
}
