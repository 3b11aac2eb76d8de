package wire

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Challenge is the first event of every connection.
type Challenge struct {
	Nonce string `json:"nonce"`
	TS    int64  `json:"ts"`
	// Proof shows who sent the challenge; see ProofText.
	Proof *Proof `json:"proof,omitempty"`
}

// Proof is the gateway's own signature, made before a client sends a secret.
type Proof struct {
	DeviceID    claw.DeviceID `json:"deviceId"`
	PublicKey   string        `json:"publicKey"`
	ClientNonce string        `json:"clientNonce,omitempty"`
	Address     string        `json:"address"`
	Signature   string        `json:"signature"`
}

// ClientNonceHeader carries a client's own random value in the upgrade
// request; the proof covers it, so that a recorded proof is worth nothing.
const ClientNonceHeader = "X-Openclaw-Nonce"

// Connect are the parameters of the method "connect".
type Connect struct {
	MinProtocol int             `json:"minProtocol"`
	MaxProtocol int             `json:"maxProtocol"`
	Client      Client          `json:"client"`
	Role        string          `json:"role"`
	Scopes      []Scope         `json:"scopes"`
	Caps        []string        `json:"caps"`
	Commands    []string        `json:"commands"`
	Permissions map[string]bool `json:"permissions"`
	PathEnv     string          `json:"pathEnv"`
	Auth        Credentials     `json:"auth"`
	Locale      string          `json:"locale"`
	UserAgent   string          `json:"userAgent"`
	Device      *Device         `json:"device"`
}

// Client describes the program that connects. It is what the program says of
// itself and decides nothing.
type Client struct {
	ID              string `json:"id"`
	DisplayName     string `json:"displayName,omitempty"`
	Version         string `json:"version"`
	Platform        string `json:"platform"`
	DeviceFamily    string `json:"deviceFamily,omitempty"`
	ModelIdentifier string `json:"modelIdentifier,omitempty"`
	Mode            string `json:"mode"`
	InstanceID      string `json:"instanceId,omitempty"`
}

// Credentials of a connect request.
type Credentials struct {
	Token          string `json:"token,omitempty"`
	Password       string `json:"password,omitempty"`
	DeviceToken    string `json:"deviceToken,omitempty"`
	BootstrapToken string `json:"bootstrapToken,omitempty"`
}

// Device is a client's signed identity.
type Device struct {
	ID        claw.DeviceID `json:"id"`
	PublicKey string        `json:"publicKey"`
	Signature string        `json:"signature"`
	SignedAt  int64         `json:"signedAt"`
	Nonce     string        `json:"nonce"`
}

// Hello is the payload of the answer to connect.
type Hello struct {
	Type     string          `json:"type"` // "hello-ok"
	Protocol int             `json:"protocol"`
	Server   HelloServer     `json:"server"`
	Features Features        `json:"features"`
	Snapshot json.RawMessage `json:"snapshot"`
	Auth     HelloAuth       `json:"auth"`
	Policy   Policy          `json:"policy"`
}

// HelloServer names the server. Compat is the upstream release whose protocol
// is spoken.
type HelloServer struct {
	Version string `json:"version"`
	ConnID  string `json:"connId"`
	Compat  string `json:"compat"`
}

// Compat is sent in hello-ok.
const Compat = "2026.4.1"

// Features lists what is built. A method that is not listed is refused.
type Features struct {
	Methods []string `json:"methods"`
	Events  []string `json:"events"`
}

// HelloAuth says what the connection may do.
type HelloAuth struct {
	Role   string  `json:"role"`
	Scopes []Scope `json:"scopes"`
	// DeviceToken is sent once, when it is issued.
	DeviceToken string `json:"deviceToken,omitempty"`
	IssuedAtMs  int64  `json:"issuedAtMs,omitempty"`
	// PendingRequestID names the request left for the scopes not granted.
	PendingRequestID string  `json:"pendingRequestId,omitempty"`
	PendingScopes    []Scope `json:"pendingScopes,omitempty"`
}

// Policy tells the limits of a connection.
type Policy struct {
	MaxPayload       int64            `json:"maxPayload"`
	MaxBufferedBytes int64            `json:"maxBufferedBytes"`
	TickIntervalMs   int64            `json:"tickIntervalMs"`
	Attachments      AttachmentPolicy `json:"attachments"`
}

// AttachmentPolicy bounds attachments.
type AttachmentPolicy struct {
	MaxBytes      int64 `json:"maxBytes"`
	MaxImageBytes int64 `json:"maxImageBytes"`
}
