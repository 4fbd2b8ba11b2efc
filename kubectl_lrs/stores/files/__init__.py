"""The application's file storage: which of its objects belong to what is saved, their copies, and the way back."""
