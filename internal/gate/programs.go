package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// systemDirs are where a confined program finds programs, in this order; all
// of them are read-only inside.
var systemDirs = []string{"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}

// Programs finds and hashes executables. A hash is kept for as long as the
// file's identity, size and times stay: hashing a large program costs 50 ms.
type Programs struct {
	mu     sync.Mutex
	hashes map[fileID]string
}

// NewPrograms makes an empty finder.
func NewPrograms() *Programs { return &Programs{hashes: map[fileID]string{}} }

// Find names the program that a command word means to a run with these extra
// read roots. A word with a slash is no name on a list, and is found only
// where it points.
func (p *Programs) Find(name string, readRoots []string) (policy.Program, bool) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			return policy.Program{}, false
		}
		return p.program(name)
	}
	for _, dir := range searchDirs(readRoots) {
		if prog, ok := p.program(filepath.Join(dir, name)); ok {
			return prog, true
		}
	}
	return policy.Program{}, false
}

func searchDirs(readRoots []string) []string {
	dirs := append([]string{}, systemDirs...)
	for _, r := range readRoots {
		dirs = append(dirs, filepath.Join(r, "bin"), r)
	}
	return dirs
}

func (p *Programs) program(path string) (policy.Program, bool) {
	f, err := os.Open(path)
	if err != nil {
		return policy.Program{}, false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return policy.Program{}, false
	}
	id := identify(st)
	p.mu.Lock()
	hash, ok := p.hashes[id]
	p.mu.Unlock()
	if !ok {
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return policy.Program{}, false
		}
		hash = hex.EncodeToString(h.Sum(nil))
		p.mu.Lock()
		p.hashes[id] = hash
		p.mu.Unlock()
	}
	return policy.Program{Path: path, SHA256: hash}, true
}
