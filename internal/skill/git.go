package skill

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// Git runs the git program with words, and gives what it prints. It is one of
// the fixed helpers, with no configuration but its own.
type Git func(ctx context.Context, words ...string) ([]byte, error)

// GitURL makes the address that is fetched from: https, or a repository on
// this machine. "owner/name" is one of GitHub's.
func GitURL(where string) (string, error) {
	if strings.ContainsFunc(where, unclean) || strings.ContainsRune(where, ' ') {
		return "", refuse(RuleBadPath, "", "%q is no address of a repository", where)
	}
	if filepath.IsAbs(where) {
		return "file://" + filepath.ToSlash(where), nil
	}
	if owner, name, ok := strings.Cut(where, "/"); ok && !strings.ContainsAny(where, ":") && !strings.Contains(name, "/") && owner != "" && name != "" && !strings.HasPrefix(owner, "-") && !strings.HasPrefix(owner, ".") {
		return "https://github.com/" + owner + "/" + strings.TrimSuffix(name, ".git") + ".git", nil
	}
	u, err := url.Parse(where)
	if err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != "file" || u.Scheme == "https" && u.Hostname() == "" {
		return "", refuse(RuleBadPath, "", "%q is no address of a repository: https://…, file:///… or owner/name, without a credential", where)
	}
	return u.String(), nil
}

// fetchGit takes the files of one commit, without ever making a work tree: no
// hook, filter or submodule of the repository has a say. dir is an empty
// folder that may be thrown away.
func fetchGit(ctx context.Context, git Git, dir string, o Origin) ([]skillscan.File, string, error) {
	from, err := GitURL(o.Where)
	if err != nil {
		return nil, "", err
	}
	ref := o.Ref
	if ref == "" {
		ref = "HEAD"
	}
	if strings.HasPrefix(ref, "-") || strings.ContainsFunc(ref, unclean) || strings.ContainsAny(ref, ": ") {
		return nil, "", refuse(RuleBadPath, "", "%q is no branch, tag or commit", ref)
	}
	if _, err := git(ctx, "init", "-q", "--bare", dir); err != nil {
		return nil, "", err
	}
	if _, err := git(ctx, "--git-dir="+dir, "fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", from, ref); err != nil {
		return nil, "", fmt.Errorf("git %s: %w", from, err)
	}
	commit, err := git(ctx, "--git-dir="+dir, "rev-parse", "FETCH_HEAD")
	if err != nil {
		return nil, "", err
	}
	pack, err := git(ctx, "--git-dir="+dir, "archive", "--format=tar", "FETCH_HEAD")
	if err != nil {
		return nil, "", err
	}
	u := unpacker{at: map[string]bool{}}
	if err := u.tar(strings.NewReader(string(pack))); err != nil {
		return nil, "", err
	}
	files := u.out
	if o.Folder != "" {
		if files, err = Below(files, o.Folder); err != nil {
			return nil, "", err
		}
	}
	return files, strings.TrimSpace(string(commit)), nil
}
