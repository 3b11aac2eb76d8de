package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
)

// keyring keeps the private keys in a file of two fixed slots, written in
// place so that an erased key is overwritten and not left in a freed block.
// Epoch n uses slot n mod 2. While checkpoint n is being made both n and n+1
// are there; afterwards n is zeros.
type keyring struct {
	f      file
	origin string
	epoch  uint64
	key    *chain.Key // of epoch
	next   *chain.Key // of epoch+1 while a checkpoint is being made
}

const slotSize = 4096

func slotOf(epoch uint64) int64 { return int64(epoch%2) * slotSize }

// slot layout: magic, epoch, seed, checksum over those.
const slotMagic = "ocjkey1\n"

func encodeSlot(epoch uint64, seed []byte) []byte {
	b := make([]byte, 0, 64)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = append(b, seed...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeSlot(b []byte) (epoch uint64, seed []byte, ok bool) {
	n := len(slotMagic) + 8 + chain.SeedSize
	if len(b) < n+4 || string(b[:len(slotMagic)]) != slotMagic || crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(b[len(slotMagic):]), b[len(slotMagic)+8 : n], true
}

func (k *keyring) store(epoch uint64, seed []byte) error {
	b := encodeSlot(epoch, seed)
	defer clear(b)
	if _, err := k.f.WriteAt(b, slotOf(epoch)); err != nil {
		return err
	}
	return k.f.Sync()
}

// loadKeys takes the key of epoch whose public half is public, and erases
// every other key in the file.
func loadKeys(f file, origin string, epoch uint64, public string) (*keyring, error) {
	k := &keyring{f: f, origin: origin, epoch: epoch}
	buf := make([]byte, 2*slotSize)
	defer clear(buf)
	if n, err := f.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) || n == 0 {
		return nil, fmt.Errorf("journal: signing key: %w", errors.Join(err, errors.New("no key in the file")))
	}
	at, seed, ok := decodeSlot(buf[slotOf(epoch):])
	if !ok || at != epoch {
		return nil, fmt.Errorf("journal: no signing key of epoch %d", epoch)
	}
	key, err := chain.NewKey(origin, seed)
	if err != nil {
		return nil, err
	}
	if key.Public() != public {
		return nil, fmt.Errorf("journal: the signing key of epoch %d is not the one that the last checkpoint names", epoch)
	}
	k.key = key
	if other, _, ok := decodeSlot(buf[slotOf(epoch+1):]); ok && other != epoch {
		if err := k.wipe(epoch + 1); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keyring) wipe(epoch uint64) error {
	if _, err := k.f.WriteAt(make([]byte, slotSize), slotOf(epoch)); err != nil {
		return err
	}
	return k.f.Sync()
}

// prepare makes the next epoch's key from fresh randomness, durably, and
// returns its public half.
func (k *keyring) prepare(random io.Reader) (string, error) {
	if k.next != nil {
		return k.next.Public(), nil
	}
	seed := make([]byte, chain.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", err
	}
	next, err := chain.NewKey(k.origin, seed)
	if err != nil {
		return "", err
	}
	if err := k.store(k.epoch+1, seed); err != nil {
		return "", err
	}
	k.next = next
	return next.Public(), nil
}

// evolve erases the key that has signed. From here on nobody can sign in the
// name of its epoch.
func (k *keyring) evolve() error {
	k.key.Erase()
	old := k.epoch
	k.key, k.next, k.epoch = k.next, nil, k.epoch+1
	return k.wipe(old)
}

func (k *keyring) close() error {
	if k.key != nil {
		k.key.Erase()
	}
	return k.f.Close()
}

// eraseKeys overwrites whatever key is in the file and removes it.
func eraseKeys(d disk, path string) error {
	f, err := d.open(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, 2*slotSize), 0)
	return errors.Join(err, f.Sync(), f.Close(), d.remove(path))
}

// readSigned is the number of signed entries noted beside the current key, 0
// when it cannot be read.
func readSigned(path string) uint64 {
	f, err := atomicfile.Open(path, os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	var b [12]byte
	if _, err := f.ReadAt(b[:], signedAt); err != nil || crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return 0
	}
	return binary.BigEndian.Uint64(b[:8])
}

// signedAt is where the number of signed entries stands, behind both slots.
const signedAt = 2 * slotSize

// noteSigned keeps the number; it reaches the disk with the next erasure.
func (k *keyring) noteSigned(n uint64) error {
	b := binary.BigEndian.AppendUint64(nil, n)
	_, err := k.f.WriteAt(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), signedAt)
	return err
}
