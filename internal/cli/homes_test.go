package cli_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/cli"
)

// TestHomesValidate asks the command about every home of the corpus: it is
// valid, or refused with file, line and column; none is changed.
func TestHomesValidate(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "configfile", "testdata", "homes.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	seen, broken := 0, 0
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(filepath.Base(h.Name), "openclaw") {
			continue
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		t.Run(h.Name, func(t *testing.T) {
			if !validates(t, text) {
				broken++
			}
		})
	}
	if seen < 26 || broken < 1 || broken > 3 {
		t.Errorf("%d homes, %d of them refused", seen, broken)
	}
}

func validates(t *testing.T, text []byte) bool {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("OPENCLAW_STATE_DIR", dir)
	t.Setenv("OPENCLAW_CONFIG_PATH", "")
	t.Setenv("OPENCLAW_GATEWAY_PORT", "")
	path := filepath.Join(dir, "openclaw.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := cli.Main([]string{"openclaw", "config", "validate", "--json"}, strings.NewReader(""), &stdout, &stderr)
	var out struct {
		Valid    bool `json:"valid"`
		Problems []struct {
			Severity string `json:"severity"`
			Where    struct {
				File         string
				Line, Column int
			} `json:"where"`
		} `json:"problems"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout.String(), stderr.String())
	}
	if out.Valid != (code == 0) || code != 0 && code != 2 {
		t.Errorf("exit %d, valid %v: %s", code, out.Valid, stderr.String())
	}
	if !out.Valid && len(out.Problems) == 0 {
		t.Error("refused without a problem")
	}
	for _, p := range out.Problems {
		if p.Where.File != "openclaw.json" || p.Where.Line < 1 || p.Where.Column < 1 {
			t.Errorf("a problem without a place: %+v", p)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
		t.Errorf("the file was changed: %v", err)
	}
	return out.Valid
}
