package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// kernelKeyring is the kernel's keyring of this user: in memory that is never
// swapped, gone when the machine restarts. It needs no desktop.
type kernelKeyring struct{ name string }

// SystemKeyring is the keyring of this system for the store at path.
func SystemKeyring(path string) Keyring {
	sum := sha256.Sum256([]byte(path))
	return kernelKeyring{"openclaw:" + hex.EncodeToString(sum[:8])}
}

// keyPerm lets this user's processes read and replace the key; nobody else.
const keyPerm = 0x3f3f0000

func (k kernelKeyring) find() (int, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", k.name, 0)
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, unix.ENOKEY):
		return 0, ErrNoKey
	case errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return 0, fmt.Errorf("the time that it was unlocked for is over: %w", ErrNoKey)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return 0, fmt.Errorf("the kernel's keyring is not available here: %w", err)
	}
	return 0, fmt.Errorf("the kernel's keyring: %w", err)
}

// Get implements Keyring.
func (k kernelKeyring) Get() ([]byte, error) {
	id, err := k.find()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, maxKeyFile)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
	if err != nil || n > len(buf) {
		return nil, fmt.Errorf("the kernel's keyring gives the key to nobody here: %w", err)
	}
	return buf[:n], nil
}

// Put implements Keyring.
func (k kernelKeyring) Put(key []byte, limit time.Duration) error {
	id, err := unix.AddKey("user", k.name, key, unix.KEY_SPEC_USER_KEYRING)
	if err != nil {
		return fmt.Errorf("vault: the kernel's keyring did not take the key: %w", err)
	}
	if err = unix.KeyctlSetperm(id, keyPerm); err == nil && limit > 0 {
		_, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(max(1, limit/time.Second)), 0, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("vault: the kernel's keyring: %w", err), k.Remove())
	}
	return nil
}

// Remove implements Keyring.
func (k kernelKeyring) Remove() error {
	id, err := k.find()
	if errors.Is(err, ErrNoKey) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0); err != nil {
		return fmt.Errorf("vault: the kernel's keyring: %w", err)
	}
	return nil
}
