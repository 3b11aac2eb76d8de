package cli_test

import (
	"crypto/rand"
	"crypto/rsa"
	"io"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/cli"
)

// TestR26RuntimeSettingsAreIgnored: a variable that lowers what the runtime
// checks does nothing from the first command on.
func TestR26RuntimeSettingsAreIgnored(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GODEBUG", "rsa1024min=0")
	if _, err := rsa.GenerateKey(rand.Reader, 512); err != nil {
		t.Fatalf("the variable lowers nothing here: %v", err)
	}
	if code := cli.Main([]string{"openclaw", "config", "file"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if _, err := rsa.GenerateKey(rand.Reader, 512); err == nil {
		t.Error("a key of 512 bits was made all the same")
	}
}
