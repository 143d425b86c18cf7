package main

func main() {}

// --- the guest ---
