package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// SignatureSkew is how far a device's clock may be off.
const SignatureSkew = 2 * time.Minute

// Detail codes of a refused device identity, with their reasons.
const (
	DeviceNonceRequired    = "DEVICE_AUTH_NONCE_REQUIRED"
	DeviceNonceMismatch    = "DEVICE_AUTH_NONCE_MISMATCH"
	DeviceSignatureInvalid = "DEVICE_AUTH_SIGNATURE_INVALID"
	DeviceSignatureExpired = "DEVICE_AUTH_SIGNATURE_EXPIRED"
	DeviceIDMismatch       = "DEVICE_AUTH_DEVICE_ID_MISMATCH"
	DevicePublicKeyInvalid = "DEVICE_AUTH_PUBLIC_KEY_INVALID"
)

// DeviceIDOf is the id of a raw Ed25519 public key.
func DeviceIDOf(key ed25519.PublicKey) claw.DeviceID {
	sum := sha256.Sum256(key)
	return claw.DeviceID(hex.EncodeToString(sum[:]))
}

// ParsePublicKey reads a base64url raw Ed25519 public key.
func ParsePublicKey(s string) (ed25519.PublicKey, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, false
	}
	return ed25519.PublicKey(raw), true
}

// EncodeKey writes a public key or signature as base64url.
func EncodeKey(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// DeviceText is the string that a device signs. version is "v2" or "v3"; token
// is what auth.token holds, or else auth.deviceToken.
func DeviceText(version string, c Connect, token string) string {
	parts := []string{version, string(c.Device.ID), c.Client.ID, c.Client.Mode, c.Role, JoinScopes(c.Scopes),
		strconv.FormatInt(c.Device.SignedAt, 10), token, c.Device.Nonce}
	if version == "v3" {
		parts = append(parts, foldASCII(c.Client.Platform), foldASCII(c.Client.DeviceFamily))
	}
	return strings.Join(parts, "|")
}

// foldASCII trims and lower-cases A to Z only: signatures must not depend on
// Unicode tables.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(s))
}

// VerifyDevice checks a device identity against the nonce that was sent. nil
// means that whoever connects holds the device's key now.
func VerifyDevice(c Connect, nonce string, now time.Time) *Error {
	d := c.Device
	key, ok := ParsePublicKey(d.PublicKey)
	switch {
	case !ok:
		return deviceError(DevicePublicKeyInvalid, "device-public-key", "device public key is not a base64url Ed25519 key of 32 bytes")
	case DeviceIDOf(key) != d.ID:
		return deviceError(DeviceIDMismatch, "device-id-mismatch", "device id is not the SHA-256 of the public key")
	case d.Nonce == "":
		return deviceError(DeviceNonceRequired, "device-nonce-missing", "device nonce is missing")
	case d.Nonce != nonce:
		return deviceError(DeviceNonceMismatch, "device-nonce-mismatch", "device nonce is not the one of this connection's challenge")
	}
	off := now.Sub(time.UnixMilli(d.SignedAt))
	if off > SignatureSkew || off < -SignatureSkew {
		return deviceError(DeviceSignatureExpired, "device-signature-stale", "device signature is not from the last "+SignatureSkew.String())
	}
	if !signatureHolds(c, key) {
		return deviceError(DeviceSignatureInvalid, "device-signature", "device signature does not hold")
	}
	return nil
}

// signatureHolds accepts v3, then v2, over the token the client sent in either
// field.
func signatureHolds(c Connect, key ed25519.PublicKey) bool {
	sig, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.Device.Signature, "="))
	if err != nil || len(sig) != ed25519.SignatureSize {
		return false
	}
	tokens := []string{c.Auth.Token}
	if c.Auth.Token == "" {
		tokens = []string{c.Auth.DeviceToken, c.Auth.BootstrapToken, ""}
	}
	for _, token := range tokens {
		for _, version := range []string{"v3", "v2"} {
			if ed25519.Verify(key, []byte(DeviceText(version, c, token)), sig) {
				return true
			}
		}
	}
	return false
}

func deviceError(code, reason, message string) *Error {
	return &Error{Code: InvalidRequest, Message: message, Details: &Details{Code: code, Reason: reason, RecommendedNextStep: StepReview}}
}

// ProofText is the string that the gateway signs in its challenge. A client
// that pinned the gateway's device id checks it before it sends a secret: its
// own nonce must be in it, and the address must be where it meant to connect
// (a tunnel changes the port, so only the own CLI insists on it).
func ProofText(ch Challenge) string {
	return strings.Join([]string{"openclaw-gateway-proof", "v1", string(ch.Proof.DeviceID), strconv.FormatInt(ch.TS, 10),
		ch.Nonce, ch.Proof.ClientNonce, ch.Proof.Address}, "|")
}

// VerifyProof checks a challenge for the pinned gateway id and the client's
// own nonce.
func VerifyProof(ch Challenge, pinned claw.DeviceID, clientNonce string) bool {
	if ch.Proof == nil || clientNonce == "" || ch.Proof.ClientNonce != clientNonce || ch.Proof.DeviceID != pinned {
		return false
	}
	key, ok := ParsePublicKey(ch.Proof.PublicKey)
	if !ok || DeviceIDOf(key) != pinned {
		return false
	}
	sig, err := base64.RawURLEncoding.DecodeString(ch.Proof.Signature)
	return err == nil && len(sig) == ed25519.SignatureSize && ed25519.Verify(key, []byte(ProofText(ch)), sig)
}
