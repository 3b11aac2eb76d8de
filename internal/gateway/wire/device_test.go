package wire

import (
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.UnixMilli(1_737_264_000_000)

func key() ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	return ed25519.NewKeyFromSeed(seed)
}

func signed(version, token string) Connect {
	k := key()
	pub := k.Public().(ed25519.PublicKey)
	c := Connect{Role: "operator", Scopes: []Scope{Write, Read}, Client: Client{ID: "cli", Mode: "cli", Platform: " Linux\t", DeviceFamily: "İPad"}, Auth: Credentials{Token: token},
		Device: &Device{ID: DeviceIDOf(pub), PublicKey: EncodeKey(pub), SignedAt: now.UnixMilli(), Nonce: "n1"}}
	c.Device.Signature = EncodeKey(ed25519.Sign(k, []byte(DeviceText(version, c, token))))
	return c
}

// The texts are other programs' to make: they must not change by a byte.
func TestDeviceText(t *testing.T) {
	c := signed("v3", "tok")
	id := "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
	for version, want := range map[string]string{
		"v2": "v2|" + id + "|cli|cli|operator|operator.write,operator.read|1737264000000|tok|n1",
		"v3": "v3|" + id + "|cli|cli|operator|operator.write,operator.read|1737264000000|tok|n1|linux|İpad",
	} {
		if got := DeviceText(version, c, "tok"); got != want {
			t.Errorf("%s:\n%s, expected\n%s", version, got, want)
		}
	}
}

func TestVerifyDevice(t *testing.T) {
	for _, version := range []string{"v2", "v3"} {
		for _, token := range []string{"tok", ""} {
			if e := VerifyDevice(signed(version, token), "n1", now); e != nil {
				t.Errorf("%s %q: %v", version, token, e)
			}
		}
	}
	padded := signed("v3", "")
	padded.Device.PublicKey += "="
	padded.Device.Signature += "=="
	if e := VerifyDevice(padded, "n1", now); e != nil {
		t.Errorf("padded: %v", e)
	}
	if e := VerifyDevice(signed("v3", ""), "", now); e == nil || e.Details.Code != DeviceNonceMismatch {
		t.Errorf("a connection without nonce: %v", e)
	}
	for _, off := range []time.Duration{SignatureSkew, -SignatureSkew} {
		if e := VerifyDevice(signed("v3", ""), "n1", now.Add(off)); e != nil {
			t.Errorf("%s off: %v", off, e)
		}
		if e := VerifyDevice(signed("v3", ""), "n1", now.Add(off+off/1000)); e == nil || e.Details.Code != DeviceSignatureExpired {
			t.Errorf("more than %s off: %v", off, e)
		}
	}
}

// Whatever is signed cannot be changed without breaking the signature.
func TestSignatureCoversTheRequest(t *testing.T) {
	for name, spoil := range map[string]func(*Connect){
		"client":    func(c *Connect) { c.Client.ID = "webchat" },
		"mode":      func(c *Connect) { c.Client.Mode = "ui" },
		"role":      func(c *Connect) { c.Role = "node" },
		"scopes":    func(c *Connect) { c.Scopes = append(c.Scopes, Admin) },
		"order":     func(c *Connect) { slices.Reverse(c.Scopes) },
		"token":     func(c *Connect) { c.Auth.Token = "other" },
		"platform":  func(c *Connect) { c.Client.Platform = "darwin" },
		"family":    func(c *Connect) { c.Client.DeviceFamily = "iPad" },
		"time":      func(c *Connect) { c.Device.SignedAt++ },
		"separator": func(c *Connect) { c.Client.ID, c.Client.Mode = "cli|cli", "" },
		"signature": func(c *Connect) { c.Device.Signature = strings.Repeat("A", len(c.Device.Signature)) },
		"nothing":   func(c *Connect) { c.Device.Signature = "" },
	} {
		c := signed("v3", "tok")
		spoil(&c)
		if e := VerifyDevice(c, "n1", now); e == nil || e.Details.Code != DeviceSignatureInvalid {
			t.Errorf("changed %s: %v", name, e)
		}
	}
}

func TestScopes(t *testing.T) {
	scopes := rapid.SliceOf(rapid.SampledFrom(AllScopes()))
	rapid.Check(t, func(t *rapid.T) {
		want, have := scopes.Draw(t, "want"), scopes.Draw(t, "have")
		granted, rest := Narrow(want, have)
		if !CoversAll(have, granted) {
			t.Fatalf("%v gave %v", have, granted)
		}
		for _, s := range rest {
			if Covers(have, s) || slices.Contains(granted, s) {
				t.Fatalf("%s is withheld", s)
			}
		}
		for _, s := range want {
			if !slices.Contains(granted, s) && !slices.Contains(rest, s) {
				t.Fatalf("%s is lost", s)
			}
		}
		if len(granted)+len(rest) > len(AllScopes()) {
			t.Fatal("duplicates")
		}
	})
	for _, row := range []struct {
		have, s Scope
		want    bool
	}{{Write, Read, true}, {Read, Write, false}, {Write, Approvals, false}, {Approvals, Read, false}, {Pairing, Read, false}, {Admin, Pairing, true}, {Write, Admin, false}} {
		if got := Covers([]Scope{row.have}, row.s); got != row.want {
			t.Errorf("%s covers %s: %v", row.have, row.s, got)
		}
	}
	if Covers(nil, Read) || Known("") || Known("operator.*") {
		t.Error("nothing covers something")
	}
}

// Frames are JSON whatever is put into them.
func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, text := rapid.String().Draw(t, "id"), rapid.String().Draw(t, "text")
		payload, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{EncodeResult(id, payload), EncodeError(id, &Error{Code: NotFound, Message: text}), EncodeEvent(id, payload, 7), EncodeEvent(id, nil, 0)} {
			if !json.Valid(b) {
				t.Fatalf("%q", b)
			}
			if _, err := DecodeRequest(b); err == nil {
				t.Fatalf("an answer is a request: %q", b)
			}
		}
	})
}

func TestProofNeedsEverything(t *testing.T) {
	pub := key().Public().(ed25519.PublicKey)
	ch := Challenge{Nonce: "n", TS: 1, Proof: &Proof{DeviceID: DeviceIDOf(pub), PublicKey: EncodeKey(pub), ClientNonce: "c", Address: "unix:/run/s"}}
	ch.Proof.Signature = EncodeKey(ed25519.Sign(key(), []byte(ProofText(ch))))
	id := DeviceIDOf(pub)
	if !VerifyProof(ch, id, "c") {
		t.Fatal("a right proof is refused")
	}
	if VerifyProof(Challenge{Nonce: "n"}, id, "c") || VerifyProof(ch, id, "") || VerifyProof(ch, id, "d") || VerifyProof(ch, "other", "c") {
		t.Error("a proof of something else holds")
	}
}
