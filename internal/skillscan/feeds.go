package skillscan

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

// feeds judges the files that say where packages come from, and which.
func (s *scan) feeds(name, t string) {
	base := strings.ToLower(path.Base(name))
	switch {
	case base == ".npmrc" || base == ".yarnrc" || base == ".yarnrc.yml" || base == "pip.conf" || base == "pip.ini" || base == ".condarc" || base == "bunfig.toml" || base == ".pypirc" || base == "uv.toml",
		base == "config.toml" && strings.Contains(name, ".cargo/"):
		s.registries(name, t)
	case strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt") || base == "gemfile" || base == "constraints.txt":
		for i, l := range strings.Split(t, "\n") {
			l = strings.TrimSpace(l)
			if strings.HasPrefix(l, "-i ") || strings.HasPrefix(l, "--index-url") || strings.HasPrefix(l, "--extra-index-url") || strings.HasPrefix(l, "source ") {
				s.registry(name, i+1, l)
				continue
			}
			if w := requirement().FindString(strings.TrimPrefix(l, "gem ")); w != "" && !strings.HasPrefix(l, "#") {
				if like := misspelled(strings.ToLower(strings.Trim(w, `"'`))); like != "" {
					s.found("supply.lookalike", name, i+1, l+" resembles "+like)
				}
			}
		}
	}
}

var (
	requirement = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^["']?[A-Za-z][A-Za-z0-9._-]{3,40}["']?`) })
	feedLine    = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:registry|index-url|extra-index-url|index|repository|npmRegistryServer|channel_alias|url)["']?\s*[:=]\s*["']?https?://`)
	})
)

func (s *scan) registries(name, t string) {
	for i, l := range strings.Split(t, "\n") {
		if x := strings.TrimSpace(l); feedLine().MatchString(x) && x[0] != '#' && x[0] != ';' {
			s.registry(name, i+1, x)
		}
	}
}

// registry judges the address in a line.
func (s *scan) registry(name string, n int, l string) {
	i := strings.Index(l, "http")
	if i < 0 {
		return
	}
	h := hostOf(strings.Trim(l[i:], `"' `))
	for _, known := range [...]string{"registry.npmjs.org", "registry.yarnpkg.com", "npm.pkg.github.com", "pypi.org", "test.pypi.org", "files.pythonhosted.org", "rubygems.org", "crates.io", "index.crates.io", "repo.maven.apache.org", "download.pytorch.org", "conda.anaconda.org", "localhost", "127.0.0.1"} {
		if h == known {
			return
		}
	}
	s.found("supply.registry", name, n, l)
}

// compose judges what a file of containers hands to them.
func (s *scan) compose(name, t string) {
	ext := strings.ToLower(path.Ext(name))
	if ext != ".yml" && ext != ".yaml" || !strings.Contains(t, "image:") && !strings.Contains(t, "build:") {
		return
	}
	for i, l := range strings.Split(t, "\n") {
		x := strings.ToLower(strings.TrimSpace(l))
		switch {
		case strings.HasPrefix(x, "#"):
		case strings.Contains(x, "docker.sock") || strings.Contains(x, "containerd.sock") || strings.Contains(x, "podman.sock"),
			strings.HasPrefix(x, "privileged:") && strings.Contains(x, "true"),
			strings.HasPrefix(x, "pid:") && strings.Contains(x, "host"),
			strings.HasPrefix(x, "hostpid:") && strings.Contains(x, "true"),
			strings.HasPrefix(strings.Trim(strings.TrimPrefix(x, "- "), `"'`), "/:/"),
			strings.Contains(x, "sys_admin") || strings.Contains(x, "sys_ptrace") || strings.Contains(x, "sys_module"):
			s.found("priv.container", name, i+1, l)
		}
	}
}
