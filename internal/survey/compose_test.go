package survey

import (
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
)

const hardened = `
services:
  openclaw:
    image: openclaw/openclaw@sha256:` + "0000000000000000000000000000000000000000000000000000000000000000" + `
    user: "1000:1000"
    read_only: true
    cap_drop: [ALL]
    security_opt:
      - no-new-privileges:true
    deploy:
      resources:
        limits:
          cpus: '2'
          memory: 4G
    volumes:
      - ./config:/app/config:ro
      - ./data:/app/data
    environment:
      OPENCLAW_GATEWAY_TOKEN: ${OPENCLAW_GATEWAY_TOKEN}
    networks: [inside]
networks:
  inside:
    internal: true
`

// judged gives the ids that a Compose file fails, with their lines.
func judged(t *testing.T, text string) map[string]int {
	t.Helper()
	list, err := services([]byte(text), true)
	if err != nil {
		t.Fatal(err)
	}
	in := audit.Input{Config: config.Default(), Snapshot: audit.Snapshot{Compose: []audit.Compose{{Path: "/c.yml", Services: list}}}}
	out := map[string]int{}
	for _, f := range audit.Run(in, audit.Options{Only: []string{"compose.*"}}).Findings {
		out[f.CheckID] = f.Where.Line
	}
	return out
}

func TestComposeLineByLine(t *testing.T) {
	if got := judged(t, hardened); len(got) != 0 {
		t.Fatalf("the hardened file fails %v", got)
	}
	// The guide's own file adds a capability back and names a moving image.
	guide := strings.NewReplacer("@sha256:"+strings.Repeat("0", 64), ":latest", "cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [NET_BIND_SERVICE]").Replace(hardened)
	if got := judged(t, guide); len(got) != 2 || got["compose.image_unpinned"] == 0 || got["compose.net_bind_unused"] == 0 {
		t.Errorf("the guide's file fails %v", got)
	}
	for _, c := range []struct {
		id, old, new string
		line         int
	}{
		{"compose.root_user", `user: "1000:1000"`, `user: "0:0"`, 5},
		{"compose.root_user", `    user: "1000:1000"` + "\n", "", 3},
		{"compose.writable_root", "read_only: true", "read_only: false", 6},
		{"compose.caps_kept", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", 7},
		{"compose.caps_added", "cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [CAP_SYS_ADMIN]", 8},
		{"compose.new_privileges", "no-new-privileges:true", "no-new-privileges:false", 8},
		{"compose.unconfined", "- no-new-privileges:true", "- no-new-privileges:true\n      - seccomp:unconfined", 8},
		{"compose.privileged", "read_only: true", "read_only: true\n    privileged: true", 7},
		{"compose.no_limits", "memory: 4G", "x-memory: 4G", 10},
		{"compose.config_writable", "/app/config:ro", "/app/config", 15},
		{"compose.docker_sock", "./data:/app/data", "/var/run/docker.sock:/var/run/docker.sock:ro", 15},
		{"compose.host_mount", "./data:/app/data", "/:/host", 15},
		{"compose.host_mount", "./data:/app/data", "/home/me/.ssh:/ssh:ro", 15},
		{"compose.host_namespace", "read_only: true", "read_only: true\n    pid: host", 7},
		{"compose.network_open", "internal: true", "internal: false", 20},
		{"compose.network_open", "    networks: [inside]\n", "", 3},
		{"compose.ports_published", "networks: [inside]", "networks: [inside]\n    ports: ['8765:8765']", 21},
		{"compose.ports_published", "networks: [inside]", "networks: [inside]\n    ports: [{target: 8765, published: 80}]", 21},
		{"compose.image_unpinned", "@sha256:" + strings.Repeat("0", 64), ":2026.4.1", 4},
		{"compose.env_secret", "${OPENCLAW_GATEWAY_TOKEN}", "abc", 18},
	} {
		if !strings.Contains(hardened, c.old) {
			t.Fatalf("%q is not in the file", c.old)
		}
		if got := judged(t, strings.Replace(hardened, c.old, c.new, 1)); got[c.id] != c.line {
			t.Errorf("%s with %q: %v, want line %d", c.id, c.new, got, c.line)
		}
	}
	if got := judged(t, strings.Replace(hardened, "networks: [inside]", "networks: [inside]\n    ports: ['127.0.0.1:8765:8765']", 1)); len(got) != 0 {
		t.Errorf("a loopback port fails %v", got)
	}
}

// Merge keys and anchors are followed; a foreign service does not count.
func TestComposeMerges(t *testing.T) {
	text := "x-base: &base\n  user: '1000:1000'\n  read_only: true\nservices:\n  openclaw:\n    <<: *base\n    image: openclaw/openclaw\n  db:\n    image: postgres\n"
	list, err := services([]byte(text), false)
	if err != nil || len(list) != 1 || list[0].User != "1000:1000" || !list[0].ReadOnly {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, bad := range []string{"", "a: [", "x: 1", "services: 3"} {
		if _, err := services([]byte(bad), true); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add([]byte(hardened))
	f.Add([]byte("services: {a: &a {<<: *a}}"))
	f.Add([]byte("services:\n  x:\n    volumes: [1, {a: b}]\n    ports: [[]]"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		list, err := services(b, true)
		if err == nil {
			_ = slices.Clone(list)
		}
	})
}
