package main

import (
	"os"
	"sync"
)

const logLimit = 20 << 20 // bytes; one older file is kept beside the current one

// rotatingLog is a log file that never grows beyond its limit.
type rotatingLog struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
}

// Write appends, moving a full file aside. A log that cannot be written must not stop the component.
func (l *rotatingLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size+int64(len(p)) > logLimit {
		_ = l.file.Close()
		_ = os.Rename(l.path, l.path+".1")
		l.file = nil
	}
	if l.file == nil {
		file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return len(p), nil
		}
		l.file, l.size = file, 0
		if info, err := file.Stat(); err == nil {
			l.size = info.Size()
		}
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)
	return len(p), nil
}
