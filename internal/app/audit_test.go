package app

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// corpusHome is one home of the corpus.
type corpusHome struct {
	name   string
	config []byte
	setup  struct {
		Files      map[string][2]string `json:"files"`
		Dirs       map[string]string    `json:"dirs"`
		Links      map[string]string    `json:"links"`
		Hardlinks  map[string]string    `json:"hardlinks"`
		ConfigMode string               `json:"config_mode"`
		StateMode  string               `json:"state_mode"`
	}
	upstream struct {
		Findings map[string]json.RawMessage `json:"findings"`
	}
}

func corpusHomes(t *testing.T) map[string]*corpusHome {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "configfile", "testdata", "homes.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*corpusHome{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := path.Base(path.Dir(h.Name))
		c := out[name]
		if c == nil {
			c = &corpusHome{name: name}
			out[name] = c
		}
		switch path.Base(h.Name) {
		case "openclaw.json":
			c.config = b
		case "setup.json":
			err = json.Unmarshal(b, &c.setup)
		case "upstream.json":
			err = json.Unmarshal(b, &c.upstream)
		}
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
}

// lay writes the home beneath a temporary directory.
func (c *corpusHome) lay(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	if err := os.Chmod(home, 0o750); err != nil {
		t.Fatal(err)
	}
	mode := func(s string) os.FileMode {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		return os.FileMode(n)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(p, text string, m os.FileMode) {
		text = strings.ReplaceAll(text, "@HOME@", home)
		must(os.MkdirAll(filepath.Dir(filepath.Join(home, p)), 0o700))
		must(os.WriteFile(filepath.Join(home, p), []byte(text), 0o600))
		must(os.Chmod(filepath.Join(home, p), m))
	}
	for p := range c.setup.Dirs {
		must(os.MkdirAll(filepath.Join(home, p), 0o700))
	}
	for p, to := range c.setup.Links {
		must(os.MkdirAll(filepath.Dir(filepath.Join(home, p)), 0o700))
		must(os.Symlink(strings.ReplaceAll(to, "@HOME@", home), filepath.Join(home, p)))
	}
	_, linked := c.setup.Links[".openclaw"]
	if len(strings.TrimSpace(string(c.config))) > 0 && !linked {
		put(".openclaw/openclaw.json", string(c.config), mode(c.setup.ConfigMode))
	}
	for p, f := range c.setup.Files {
		put(p, f[0], mode(f[1]))
	}
	for p, of := range c.setup.Hardlinks {
		must(os.Link(filepath.Join(home, of), filepath.Join(home, p)))
	}
	for p, m := range c.setup.Dirs {
		must(os.Chmod(filepath.Join(home, p), mode(m)))
	}
	if _, err := os.Stat(filepath.Join(home, ".openclaw")); err == nil && !linked {
		must(os.Chmod(filepath.Join(home, ".openclaw"), mode(c.setup.StateMode)))
	}
	return home
}

func auditOf(t *testing.T, home string) audit.Report {
	t.Helper()
	p, err := PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	in, err := LookForAudit(p, AuditOptions{Env: func(string) (string, bool) { return "", false }, Version: "0.0.0", Now: time.UnixMilli(1)})
	if err != nil {
		t.Fatal(err)
	}
	return audit.Run(in.Input, audit.Options{})
}

// divergences reads docs/checks/divergence.md: upstream's findings that are
// dropped, and those that are absent while there is no home.
func divergences(t *testing.T) (dropped, absent []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "checks", "divergence.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		id := strings.Trim(cells[0], "|` ")
		switch cells[1] {
		case "dropped":
			dropped = append(dropped, id)
		case "absent":
			absent = append(absent, id)
		default:
			t.Fatalf("divergence.md: %q is neither dropped nor absent", cells[1])
		}
	}
	if len(dropped) == 0 || len(absent) == 0 {
		t.Fatal("divergence.md has no table")
	}
	return dropped, absent
}

// TestUpstreamFindings: whatever upstream reports of a home, this audit
// reports too, by id or alias.
func TestUpstreamFindings(t *testing.T) {
	homes := corpusHomes(t)
	dropped, absent := divergences(t)
	if len(homes) < 26 {
		t.Fatalf("%d homes", len(homes))
	}
	for name, c := range homes {
		t.Run(name, func(t *testing.T) {
			r := auditOf(t, c.lay(t))
			ours := map[string]claw.Severity{}
			for _, f := range r.Findings {
				for _, id := range append([]string{f.CheckID}, f.Aliases...) {
					ours[id] = max(ours[id], f.Severity)
				}
			}
			for version, raw := range c.upstream.Findings {
				var theirs [][2]string
				if strings.Contains(version, "deep") || json.Unmarshal(raw, &theirs) != nil {
					continue // with --deep, or refused
				}
				for _, f := range theirs {
					if _, none := ours["home.absent"]; none && slices.Contains(absent, f[1]) {
						continue
					}
					if _, ok := ours[f[1]]; !ok && !slices.Contains(dropped, f[1]) {
						t.Errorf("%s reports %s %s", version, f[0], f[1])
					}
				}
			}
			if testing.Verbose() {
				for _, f := range r.Findings {
					t.Logf("%s %s: %s", f.Severity, f.CheckID, f.Title)
				}
			}
			for _, k := range r.Checks {
				if k.Verdict == audit.Unmeasured {
					t.Logf("unmeasured %s: %s", k.ID, k.Reason)
				}
			}
		})
	}
}
