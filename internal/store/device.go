package store

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// DeviceIdentity is the public half of identity/device.json.
type DeviceIdentity struct {
	DeviceID    claw.DeviceID
	PublicKey   ed25519.PublicKey
	CreatedAtMs int64
}

// Device is the gateway's own key.
type Device struct {
	identity DeviceIdentity
	private  ed25519.PrivateKey
}

// deviceFile is upstream's form.
type deviceFile struct {
	Version     int           `json:"version"`
	DeviceID    claw.DeviceID `json:"deviceId"`
	PublicPEM   string        `json:"publicKeyPem"`
	PrivatePEM  string        `json:"privateKeyPem"`
	CreatedAtMs int64         `json:"createdAtMs"`
}

const maxDevice = 64 << 10

// PeekDevice reads the public half of the key file at path. It works beside a
// running gateway and takes no lock; a missing file wraps fs.ErrNotExist.
func PeekDevice(path string) (DeviceIdentity, error) {
	f, err := readDevice(path)
	if err != nil {
		return DeviceIdentity{}, err
	}
	return f.identity(path)
}

func readDevice(path string) (deviceFile, error) {
	var f deviceFile
	b, err := atomicfile.Read(path, maxDevice)
	if err != nil {
		return f, fmt.Errorf("store: device key: %w", err)
	}
	if json.Unmarshal(b, &f) != nil {
		// The error of the decoder could quote the key.
		return f, &CorruptError{File: path, Detail: "expected a JSON object with a key"}
	}
	if f.Version != 1 {
		return f, &CorruptError{File: path, Detail: fmt.Sprintf("version is %d, expected 1", f.Version)}
	}
	return f, nil
}

func (f *deviceFile) identity(path string) (DeviceIdentity, error) {
	block, _ := pem.Decode([]byte(f.PublicPEM))
	if block == nil {
		return DeviceIdentity{}, &CorruptError{File: path, Detail: "publicKeyPem is no PEM block"}
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	if err != nil || !ok {
		return DeviceIdentity{}, &CorruptError{File: path, Detail: "publicKeyPem is no Ed25519 key"}
	}
	if id := deviceID(public); id != f.DeviceID {
		return DeviceIdentity{}, &CorruptError{File: path, Detail: fmt.Sprintf("deviceId is %q, the public key's is %q", f.DeviceID, id)}
	}
	return DeviceIdentity{DeviceID: f.DeviceID, PublicKey: public, CreatedAtMs: f.CreatedAtMs}, nil
}

func deviceID(key ed25519.PublicKey) claw.DeviceID {
	sum := sha256.Sum256(key)
	return claw.DeviceID(hex.EncodeToString(sum[:]))
}

// Device returns the gateway's own key, made at the first call ever. A key
// that cannot be read is an error and is not replaced: clients have pinned it.
func (s *Store) Device() (*Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.device != nil {
		return s.device, nil
	}
	path := filepath.Join(s.opt.Dir, "identity", "device.json")
	f, err := readDevice(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.createDevice(path); err != nil {
			return nil, err
		}
		f, err = readDevice(path)
	}
	if err != nil {
		return nil, err
	}
	d := &Device{}
	if d.identity, err = f.identity(path); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(f.PrivatePEM))
	if block == nil {
		return nil, &CorruptError{File: path, Detail: "privateKeyPem is no PEM block"}
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok || !d.identity.PublicKey.Equal(private.Public()) {
		return nil, &CorruptError{File: path, Detail: "privateKeyPem is not the Ed25519 key of publicKeyPem"}
	}
	d.private = private
	s.device = d
	return d, nil
}

func (s *Store) createDevice(path string) error {
	seed, err := s.random(ed25519.SeedSize)
	if err != nil {
		return err
	}
	defer clear(seed)
	private := ed25519.NewKeyFromSeed(seed)
	public := ed25519.PublicKey(private[ed25519.SeedSize:])
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("store: device key: %w", err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("store: device key: %w", err)
	}
	b, err := json.MarshalIndent(deviceFile{Version: 1, DeviceID: deviceID(public), CreatedAtMs: s.opt.Now().UnixMilli(),
		PublicPEM:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})),
		PrivatePEM: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))}, "", "  ")
	if err != nil {
		return fmt.Errorf("store: device key: %w", err)
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return fmt.Errorf("store: device key: %w", err)
	}
	if err := atomicfile.Write(path, append(b, '\n')); err != nil {
		return fmt.Errorf("store: device key: %w", err)
	}
	return nil
}

// Identity is the public half.
func (d *Device) Identity() DeviceIdentity { return d.identity }

// PublicKey is the raw public key.
func (d *Device) PublicKey() ed25519.PublicKey { return d.identity.PublicKey }

// Sign signs a message.
func (d *Device) Sign(message []byte) []byte { return ed25519.Sign(d.private, message) }

// String keeps the private half out of every print.
func (d *Device) String() string { return "device " + string(d.identity.DeviceID) }

// GoString is String.
func (d *Device) GoString() string { return d.String() }
