/** What moto 5.2 does wrong: the test that fails for it → the reason. */
export const allowed: Readonly<Record<string, string>> = {
}
