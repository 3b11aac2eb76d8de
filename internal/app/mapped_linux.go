package app

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"
)

// uidMap is where the kernel says which uids exist in this user namespace.
const uidMap = "/proc/self/uid_map"

// mapped refuses a uid for runs that does not exist here: root in a user
// namespace with one uid cannot become anybody else.
func mapped(uid int) error {
	b, err := os.ReadFile(uidMap)
	if err != nil {
		return nil // the sandbox says later what cannot be held
	}
	return mappedIn(string(b), uid)
}

func mappedIn(table string, uid int) error {
	total := 0
	for lines := bufio.NewScanner(strings.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(f[0])
		count, err2 := strconv.Atoi(f[2])
		if err := errors.Join(err1, err2); err != nil {
			continue
		}
		if uid >= first && uid-first < count {
			return nil
		}
		total += count
	}
	return &HintError{Err: errors.New("root of a user namespace in which uid " + strconv.Itoa(uid) + " does not exist (" + strconv.Itoa(total) + " mapped): commands of agents cannot run as an unprivileged uid"),
		Advice: "start it as an ordinary user, or map a range of uids (unshare --map-auto, newuidmap; a container needs subuids)"}
}
